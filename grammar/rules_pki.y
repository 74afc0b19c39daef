
/* ---- PKI, identities and public keys ---- */

pki:
  "trustpoint" name_cut             { ST(TRUSTPOINT, $2); OPENS(TRUSTPOINT); }
| "certificate" "chain" name_cut    { ST(CERT_CHAIN, $3); OPENS(CERT_CHAIN); }
| "certificate" "map" name T_NUM    { ST(CERT_MAP, $3, $4); OPENS(CERT_MAP); }
| "certificate" "map" name T_CUT    { ST(CERT_MAP, $3, $4); }
| "server" T_OTHER                  { ST(OTHER, $2); OPENS(OTHER); }
| "server"                          { ST(OTHER, $1); OPENS(OTHER); }
| "trustpool" T_OTHER               { ST(OTHER, $2); OPENS(OTHER); }
| "token" T_OTHER                   { ST(OTHER, $2); }
| "authenticate" T_OTHER            { ST(OTHER, $2); }
| "enroll" T_OTHER                  { ST(OTHER, $2); }
| "import" T_OTHER                  { ST(OTHER, $2); }
| "export" T_OTHER                  { ST(OTHER, $2); }
| "crl" T_OTHER                     { ST(OTHER, $2); }
| "profile" T_OTHER                 { ST(OTHER, $2); OPENS(OTHER); }
| "benchmark" T_OTHER               { ST(OTHER, $2); }
| "cert" T_OTHER                    { ST(OTHER, $2); }
| "lookup" T_OTHER                  { ST(ASA, $2); }
;

trustpoint_cmd:
  "enrollment" T_REST               { ST(TP_ENROLLMENT, $2); }
| "enrollment" T_CUT                { ST(TP_ENROLLMENT, $2); }
| "subject-name" text               { ST(TP_SUBJECT, $2); }
| "subject-alt-name" text           { ST(TP_OTHER, $1); }
| "fqdn" name_cut                   { ST(TP_FQDN, $2); }
| "ip-address" T_OTHER              { ST(TP_OTHER, $1); }
| "ip-address" T_CUT                { ST(TP_OTHER, $1); }
| "serial-number" opt_rest          { ST(TP_OTHER, $1); }
| "revocation-check" T_REST         { ST(TP_REVOCATION, $2); }
| "revocation-check" T_CUT          { ST(TP_REVOCATION, $2); }
| "rsakeypair" name_cut             { ST(TP_KEYPAIR, $2); }
| "rsakeypair" name T_NUM opt_num   { ST(TP_KEYPAIR, $2, $3, $4); }
| "eckeypair" name_cut              { ST(TP_KEYPAIR, $2); }
| "keypair" name_cut                { ST(TP_KEYPAIR, $2); }
| "hash" T_HASH1                    { ST(TP_HASH, $2); }
| "hash" T_INTEG2                   { ST(TP_HASH, $2); }
| "hash" T_CUT                      { ST(TP_HASH, $2); }
| "password" secret                 { ST(TP_PASSWORD, p->sec_type, $2); }
| "fingerprint" T_OTHER             { ST(TP_OTHER, $1); }
| "auto-enroll" opt_rest            { ST(TP_OTHER, $1); }
| "regenerate"                      { ST(TP_OTHER, $1); }
| "usage" T_OTHER                   { ST(TP_OTHER, $1); }
| "crl" T_OTHER                     { ST(TP_OTHER, $1); }
| "ocsp" T_OTHER                    { ST(TP_OTHER, $1); }
| "match" T_OTHER                   { ST(TP_OTHER, $1); }
| "chain-validation" opt_rest       { ST(TP_OTHER, $1); }
| "authorization" T_OTHER           { ST(TP_OTHER, $1); }
| "source" T_OTHER                  { ST(TP_OTHER, $1); }
| "vrf" name_cut                    { ST(TP_OTHER, $1); }
| "storage" T_OTHER                 { ST(TP_OTHER, $1); }
| "primary"                         { ST(TP_OTHER, $1); }
| "root" T_OTHER                    { ST(TP_OTHER, $1); }
| "default" T_OTHER                 { ST(TP_OTHER, $1); }
| "validation-usage" opt_rest       { ST(TP_OTHER, $1); }
| "validation-policy" opt_rest      { ST(TP_OTHER, $1); }
| "id-usage" opt_rest               { ST(TP_OTHER, $1); }
| "on" T_OTHER                      { ST(TP_OTHER, $1); }
| "description" text                { ST(DESCRIPTION, $2); }
;

cert_chain_cmd:
  "certificate" cert_role name opt_rest { ST(CERTIFICATE, $2, $3, $4); }
;
cert_role: %empty { $$ = none; } | "ca" | "self-signed" | "rollover" | "ra-sign" | "ra-encrypt" | "ra-general" | "signature" | "encryption";

cert_map_cmd:
  cert_field cert_op T_REST         { ST(CERT_MAP_RULE, $1, $2, $3); }
| "serial-number" T_REST            { ST(CERT_MAP_RULE, $1, none, $2); }
| cert_field T_CUT                  { ST(CERT_MAP_RULE, $1); }
;
cert_field: "subject-name" | "issuer-name" | "alt-subject-name" | "name" | "unstructured-subject-name" | "valid-start" | "expires-on";
cert_op: "co" | "nc" | "eq" | "ne" | "ge" | "lt";

identity_cmd:
  "dn" text                         { ST(ID_DN, $2); }
| "fqdn" name_cut                   { ST(ID_FQDN, $2); }
| "description" text                { ST(DESCRIPTION, $2); }
;

pubkey_chain_cmd:
  "named-key" name opt_usage        { ST(PUBKEY, $1, $2, $3); OPENS(PUBKEY); }
| "addressed-key" name opt_usage    { ST(PUBKEY, $1, $2, $3); OPENS(PUBKEY); }
;
pubkey_cmd:
  "address" addr                    { ST(PUBKEY_ADDRESS, $2); }
| "key-string"                      { ST(KEY_STRING); }
| "serial-number" T_OTHER           { ST(IGNORED, none); }
;

%%

/* Words are checked before they are pushed (resolve.c), so this is only reached through a defect of ours. */
static int yyreport_syntax_error(const yypcontext_t *ctx, struct ios_line *p)
{
    (void)ctx;
    p->failed = true;
    return 0;
}

const char *grammar_symbol_name(int sym)
{
    return yysymbol_name((yysymbol_kind_t)sym);
}

int grammar_expected(void *state, int *out, int max)
{
    yysymbol_kind_t syms[YYNTOKENS];
    int n = yypstate_expected_tokens(state, syms, YYNTOKENS);
    for (int i = 0; i < n && i < max; i++)
        out[i] = (int)syms[i];
    return n < max ? n : max;
}

void *grammar_new(void)
{
    return yypstate_new();
}

void grammar_free(void *state)
{
    yypstate_delete(state);
}

int grammar_push(void *state, int token, const struct ios_val *v, struct ios_line *p)
{
    return yypush_parse(state, token, v, p);
}
