
/* ---- access lists, object groups, route maps ---- */

numbered_acl:
  T_NUM { p->acl = $1; } numbered_tail
;
numbered_tail:
  "remark" opt_text_rest            { ST(ACE_REMARK, p->acl, none, $2); }
| ace_action std_or_ext             { ST(ACE, p->acl); }
| "dynamic" name opt_timeout ace_action ext_body { p->st->ace.unselectable |= ACE_OPT_OTHER; ST(ACE, p->acl); }
| T_CUT                             { ST(ACE, p->acl, $1); }
| "extended" T_OTHER                { ST(ASA, $1); }
;
opt_timeout: %empty | "timeout" T_NUM;
opt_text_rest: %empty { $$ = none; } | T_REST;

/* `access-list N permit A [W]` is a standard list by its number; the body tells which form was written. */
std_or_ext: std_body | ext_body;

ace_action: "permit" { p->st->ace.permit = true; p->st->ace.action = $1; } | "deny" { p->st->ace.permit = false; p->st->ace.action = $1; };

ace_ext_line:
  ace_seq ace_action ext_body       { ST(ACE); }
| ace_seq "remark" opt_text_rest    { ST(ACE_REMARK, none, p->st->ace.seq, $3); }
| ace_seq "evaluate" name           { p->st->ace.unselectable |= ACE_OPT_REFLECT; ST(IGNORED, none); }
| ace_seq "dynamic" name opt_timeout ace_action ext_body { p->st->ace.unselectable |= ACE_OPT_OTHER; ST(ACE); }
| T_NUM T_CUT                       { ST(ACE_DELETE, $1); }
| "description" T_REST              { ST(IGNORED, none); }
;
ace_seq: %empty | T_NUM { p->st->ace.seq = $1; };

ace_std_line:
  ace_seq ace_action std_body       { ST(ACE); }
| ace_seq "remark" opt_text_rest    { ST(ACE_REMARK, none, p->st->ace.seq, $3); }
| T_NUM T_CUT                       { ST(ACE_DELETE, $1); }
;

std_body: { p->end = &p->st->ace.src; } std_addr std_opts;
std_addr:
  "any"                             { p->end->form = AF_ANY; p->end->addr = $1; }
| "host" host                       { line_host(p, $2); }
| T_IP4                             { line_host(p, $1); }
| T_IP4 T_IP4                       { p->end->form = AF_WILDCARD; p->end->addr = $1; p->end->mask = $2; }
;
std_opts: %empty | std_opts "log" { p->st->ace.has_log = true; };

ext_body:
  ace_proto { p->end = &p->st->ace.src; } ext_addr opt_ports { p->end = &p->st->ace.dst; } ext_addr ace_message ace_opts
| "object-group" name { p->st->ace.proto = $2; p->st->ace.proto_is_group = true; p->end = &p->st->ace.src; }
  ext_addr { p->end = &p->st->ace.dst; } ext_addr ace_opts
;
ace_proto: T_PROTO { p->st->ace.proto = $1; } | T_NUM { p->st->ace.proto = $1; };

ext_addr:
  "any"                             { p->end->form = AF_ANY; p->end->addr = $1; }
| "host" host                       { line_host(p, $2); }
| T_IP4 T_IP4                       { p->end->form = AF_WILDCARD; p->end->addr = $1; p->end->mask = $2; }
| T_IP4LEN                          { p->end->form = AF_PREFIX; p->end->addr = $1; }
| "object-group" name               { p->end->form = AF_GROUP; p->end->addr = $2; }
;

opt_ports:
  %empty
| "eq" { p->end->op = PORT_EQ; } port_list
| "neq" { p->end->op = PORT_NEQ; } port_list
| "lt" port                         { p->end->op = PORT_LT; line_port(p, $2); }
| "gt" port                         { p->end->op = PORT_GT; line_port(p, $2); }
| "range" port port                 { p->end->op = PORT_RANGE; line_port(p, $2); line_port(p, $3); }
;
port: T_NUM | T_PORT;
port_list: port { line_port(p, $1); } | port_list port { line_port(p, $2); };

ace_opts: %empty | ace_opts ace_opt;
ace_opt:
  "log" opt_cookie                  { p->st->ace.has_log = true; line_opt(p, $1); }
| "log-input" opt_cookie            { p->st->ace.has_log_input = true; line_opt(p, $1); }
| "established"                     { p->st->ace.unselectable |= ACE_OPT_ESTABLISHED; line_opt(p, $1); }
| tcp_flag                          { p->st->ace.unselectable |= ACE_OPT_FLAGS; line_opt(p, $1); }
| "match-any" flag_words            { p->st->ace.unselectable |= ACE_OPT_FLAGS; line_opt(p, $1); }
| "match-all" flag_words            { p->st->ace.unselectable |= ACE_OPT_FLAGS; line_opt(p, $1); }
| "dscp" dscp                       { p->st->ace.unselectable |= ACE_OPT_DSCP; line_opt(p, $1); line_opt(p, $2); }
| "precedence" prec                 { p->st->ace.unselectable |= ACE_OPT_PRECEDENCE; line_opt(p, $1); line_opt(p, $2); }
| "tos" tos                         { p->st->ace.unselectable |= ACE_OPT_TOS; line_opt(p, $1); line_opt(p, $2); }
| "ttl" cmp_op T_NUM opt_num        { p->st->ace.unselectable |= ACE_OPT_TTL; line_opt(p, $1); line_opt(p, $3); line_opt(p, $4); }
| "fragments"                       { p->st->ace.unselectable |= ACE_OPT_FRAGMENTS; line_opt(p, $1); }
| "option" name                     { p->st->ace.unselectable |= ACE_OPT_OPTION; line_opt(p, $1); line_opt(p, $2); }
| "time-range" name                 { p->st->ace.unselectable |= ACE_OPT_TIME_RANGE; line_opt(p, $1); line_opt(p, $2); }
| "reflect" name opt_timeout        { p->st->ace.unselectable |= ACE_OPT_REFLECT; line_opt(p, $1); line_opt(p, $2); }
;
/* what may follow the destination: ports, or the type and code of an ICMP message */
ace_message: opt_ports | T_ICMP { p->st->ace.icmp_type = $1; } | icmp_number;
icmp_number: T_NUM { p->st->ace.icmp_type = $1; } | T_NUM T_NUM { p->st->ace.icmp_type = $1; p->st->ace.icmp_code = $2; };
opt_cookie: %empty | T_WORD { line_opt(p, $1); };
tcp_flag: "ack" | "fin" | "psh" | "rst" | "syn" | "urg";
flag_words: T_WORD { line_opt(p, $1); } | flag_words T_WORD { line_opt(p, $2); };
dscp: T_DSCP | T_NUM;
prec: T_PREC | T_NUM;
tos: T_TOS | T_NUM;
cmp_op: "eq" | "neq" | "lt" | "gt" | "range";

/* IPv6 lists: the sequence number stands before the line or at its end. */
ace6_line:
  ace6_seq ace_action ace6_body     { ST(ACE); }
| ace6_seq "remark" opt_text_rest   { ST(ACE_REMARK, none, p->st->ace.seq, $3); }
| ace6_seq "evaluate" name          { ST(IGNORED, none); }
| "sequence" T_NUM T_CUT            { ST(ACE_DELETE, $2); }
| "description" T_REST              { ST(IGNORED, none); }
;
ace6_seq: %empty | "sequence" T_NUM { p->st->ace.seq = $2; };
ace6_body: ace6_proto { p->end = &p->st->ace.src; } addr6 opt_ports { p->end = &p->st->ace.dst; } addr6 ace6_message ace6_opts;
ace6_proto: T_PROTO6 { p->st->ace.proto = $1; } | T_NUM { p->st->ace.proto = $1; };
addr6:
  "any"                             { p->end->form = AF_ANY; p->end->addr = $1; }
| "host" host                       { line_host(p, $2); }
| T_IP6LEN                          { p->end->form = AF_PREFIX; p->end->addr = $1; }
| "object-group" name               { p->end->form = AF_GROUP; p->end->addr = $2; }
;
ace6_opts: %empty | ace6_opts ace6_opt;
ace6_opt:
  "log" opt_cookie                  { p->st->ace.has_log = true; line_opt(p, $1); }
| "log-input" opt_cookie            { p->st->ace.has_log_input = true; line_opt(p, $1); }
| "established"                     { p->st->ace.unselectable |= ACE_OPT_ESTABLISHED; line_opt(p, $1); }
| tcp_flag                          { p->st->ace.unselectable |= ACE_OPT_FLAGS; line_opt(p, $1); }
| "match-any" flag_words            { p->st->ace.unselectable |= ACE_OPT_FLAGS; line_opt(p, $1); }
| "match-all" flag_words            { p->st->ace.unselectable |= ACE_OPT_FLAGS; line_opt(p, $1); }
| "dscp" dscp                       { p->st->ace.unselectable |= ACE_OPT_DSCP; line_opt(p, $1); line_opt(p, $2); }
| "flow-label" T_NUM                { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); line_opt(p, $2); }
| "fragments"                       { p->st->ace.unselectable |= ACE_OPT_FRAGMENTS; line_opt(p, $1); }
| "dest-option" opt_num             { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); line_opt(p, $2); }
| "auth"                            { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); }
| "hbh" opt_num                     { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); line_opt(p, $2); }
| "mobility"                        { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); }
| "routing"                         { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); }
| "routing-type" T_NUM              { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); line_opt(p, $2); }
| "undetermined-transport"          { p->st->ace.unselectable |= ACE_OPT_OTHER; line_opt(p, $1); }
| "time-range" name                 { p->st->ace.unselectable |= ACE_OPT_TIME_RANGE; line_opt(p, $1); line_opt(p, $2); }
| "reflect" name opt_timeout        { p->st->ace.unselectable |= ACE_OPT_REFLECT; line_opt(p, $1); line_opt(p, $2); }
| "sequence" T_NUM                  { p->st->ace.seq = $2; }
;
ace6_message: opt_ports | T_ICMP6 { p->st->ace.icmp_type = $1; } | icmp_number;

og_net_cmd:
  "host" host                       { p->end = &p->st->ace.src; line_host(p, $2); ST(OG_ITEM); }
| T_IP4 T_IP4                       { p->st->ace.src.form = AF_MASK; p->st->ace.src.addr = $1; p->st->ace.src.mask = $2; ST(OG_ITEM); }
| T_IP4LEN                          { p->st->ace.src.form = AF_PREFIX; p->st->ace.src.addr = $1; ST(OG_ITEM); }
| T_IP6LEN                          { p->st->ace.src.form = AF_PREFIX; p->st->ace.src.addr = $1; ST(OG_ITEM); }
| "range" addr addr                 { p->st->ace.src.form = AF_RANGE; p->st->ace.src.addr = $2; p->st->ace.src.mask = $3; ST(OG_ITEM); }
| "group-object" name               { p->st->ace.src.form = AF_GROUP; p->st->ace.src.addr = $2; ST(OG_ITEM); }
| "any"                             { p->st->ace.src.form = AF_ANY; p->st->ace.src.addr = $1; ST(OG_ITEM); }
| "description" text                { ST(OG_DESCRIPTION, $2); }
| "network-object" T_OTHER          { ST(ASA, $1); }
;

og_svc_cmd:
  T_PROTO { p->st->ace.proto = $1; } og_ports { ST(OG_ITEM); }
| T_NUM                             { p->st->ace.proto = $1; ST(OG_ITEM); }
| "tcp-udp" { p->st->ace.proto = $1; } og_ports { ST(OG_ITEM); }
| "group-object" name               { p->st->ace.proto_is_group = true; p->st->ace.proto = $2; ST(OG_ITEM); }
| "description" text                { ST(OG_DESCRIPTION, $2); }
| "service-object" T_OTHER          { ST(ASA, $1); }
;
og_ports:
  %empty
| "source" { p->end = &p->st->ace.src; } og_port og_dst
| { p->end = &p->st->ace.dst; } og_port
| T_ICMP                            { p->st->ace.icmp_type = $1; }
;
og_dst: %empty | { p->end = &p->st->ace.dst; } og_port;
og_port:
  port                              { p->end->op = PORT_EQ; line_port(p, $1); }
| "eq" port                         { p->end->op = PORT_EQ; line_port(p, $2); }
| "lt" port                         { p->end->op = PORT_LT; line_port(p, $2); }
| "gt" port                         { p->end->op = PORT_GT; line_port(p, $2); }
| "range" port port                 { p->end->op = PORT_RANGE; line_port(p, $2); line_port(p, $3); }
;

route_map_cmd:
  "match" "ip" "address" names_cut  { ST(RM_MATCH); }
| "match" "ip" "address" "prefix-list" T_OTHER { ST(RM_OTHER, $1); }
| "match" T_OTHER                   { ST(RM_OTHER, $1); }
| "set" T_OTHER                     { ST(RM_OTHER, $1); }
| "description" T_REST              { ST(IGNORED, none); }
| "continue" opt_num                { ST(RM_OTHER, $1); }
;
