/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Numbers of the wire: IANA "Internet Key Exchange Version 2 (IKEv2) Parameters" and "ISAKMP" registries. */
#ifndef IOSCC_IKE_WIRE_H
#define IOSCC_IKE_WIRE_H

enum ike_exchange {
    /* ISAKMP, RFC 2408 §3.1, RFC 2409 */
    X1_MAIN = 2, /* identity protection */
    X1_AGGRESSIVE = 4,
    X1_INFO = 5,
    X1_TRANSACTION = 6,
    X1_QUICK = 32,
    /* RFC 7296 §3.1 */
    X2_SA_INIT = 34,
    X2_AUTH = 35,
    X2_CREATE_CHILD = 36,
    X2_INFORMATIONAL = 37,
};

enum ike_flags {
    IKE1_ENCRYPTED = 0x01,
    IKE1_COMMIT = 0x02,
    IKE2_INITIATOR = 0x08,
    IKE2_VERSION = 0x10,
    IKE2_RESPONSE = 0x20,
};

enum ike_payload_type {
    PL_NONE = 0,
    /* RFC 2408 §3.1, RFC 3947 §6 */
    PL1_SA = 1,
    PL1_PROPOSAL = 2,
    PL1_TRANSFORM = 3,
    PL1_KE = 4,
    PL1_ID = 5,
    PL1_CERT = 6,
    PL1_CERTREQ = 7,
    PL1_HASH = 8,
    PL1_SIG = 9,
    PL1_NONCE = 10,
    PL1_NOTIFY = 11,
    PL1_DELETE = 12,
    PL1_VENDOR = 13,
    PL1_ATTRIBUTES = 14,
    PL1_NAT_D = 20,
    PL1_NAT_OA = 21,
    PL1_FRAGMENT = 132,
    /* RFC 7296 §3.2 */
    PL2_SA = 33,
    PL2_KE = 34,
    PL2_IDI = 35,
    PL2_IDR = 36,
    PL2_CERT = 37,
    PL2_CERTREQ = 38,
    PL2_AUTH = 39,
    PL2_NONCE = 40,
    PL2_NOTIFY = 41,
    PL2_DELETE = 42,
    PL2_VENDOR = 43,
    PL2_TSI = 44,
    PL2_TSR = 45,
    PL2_SK = 46,
    PL2_CP = 47,
    PL2_EAP = 48,
    PL2_SKF = 53, /* RFC 7383 */
};

/* Transform types, RFC 7296 §3.3.2. */
enum { TT_ENCR = 1, TT_PRF = 2, TT_INTEG = 3, TT_DH = 4, TT_ESN = 5 };

enum ike_protocol { IKE_PROTO_IKE = 1, IKE_PROTO_AH = 2, IKE_PROTO_ESP = 3 };

/* RFC 7296 §3.10.1 and the documents named. Below 16384: errors. */
enum ike2_notify {
    N2_UNSUPPORTED_CRITICAL_PAYLOAD = 1,
    N2_INVALID_IKE_SPI = 4,
    N2_INVALID_MAJOR_VERSION = 5,
    N2_INVALID_SYNTAX = 7,
    N2_INVALID_MESSAGE_ID = 9,
    N2_INVALID_SPI = 11,
    N2_NO_PROPOSAL_CHOSEN = 14,
    N2_INVALID_KE_PAYLOAD = 17,
    N2_AUTHENTICATION_FAILED = 24,
    N2_SINGLE_PAIR_REQUIRED = 34,
    N2_NO_ADDITIONAL_SAS = 35,
    N2_INTERNAL_ADDRESS_FAILURE = 36,
    N2_FAILED_CP_REQUIRED = 37,
    N2_TS_UNACCEPTABLE = 38,
    N2_INVALID_SELECTORS = 39,
    N2_TEMPORARY_FAILURE = 43,
    N2_CHILD_SA_NOT_FOUND = 44,
    N2_INITIAL_CONTACT = 16384,
    N2_SET_WINDOW_SIZE = 16385,
    N2_ADDITIONAL_TS_POSSIBLE = 16386,
    N2_NAT_DETECTION_SOURCE_IP = 16388,
    N2_NAT_DETECTION_DESTINATION_IP = 16389,
    N2_COOKIE = 16390,
    N2_USE_TRANSPORT_MODE = 16391,
    N2_REKEY_SA = 16393,
    N2_ESP_TFC_PADDING_NOT_SUPPORTED = 16394,
    N2_NON_FIRST_FRAGMENTS_ALSO = 16395,
    N2_AUTH_LIFETIME = 16403,                 /* RFC 4478 */
    N2_CHILDLESS_IKEV2_SUPPORTED = 16418,     /* RFC 6023 */
    N2_IKEV2_FRAGMENTATION_SUPPORTED = 16430, /* RFC 7383 */
    N2_SIGNATURE_HASH_ALGORITHMS = 16431,     /* RFC 7427 */
};

/* RFC 2408 §3.14.1, RFC 2407 §4.6.3, RFC 3706 §5.2 */
enum ike1_notify {
    N1_INVALID_PAYLOAD_TYPE = 1,
    N1_SITUATION_NOT_SUPPORTED = 3,
    N1_INVALID_COOKIE = 4,
    N1_INVALID_SPI = 11,
    N1_NO_PROPOSAL_CHOSEN = 14,
    N1_PAYLOAD_MALFORMED = 16,
    N1_INVALID_KEY_INFORMATION = 17,
    N1_INVALID_ID_INFORMATION = 18,
    N1_INVALID_HASH_INFORMATION = 23,
    N1_AUTHENTICATION_FAILED = 24,
    N1_RESPONDER_LIFETIME = 24576,
    N1_REPLAY_STATUS = 24577,
    N1_INITIAL_CONTACT = 24578,
    N1_R_U_THERE = 36136,
    N1_R_U_THERE_ACK = 36137,
};

/* Identification types: RFC 7296 §3.5, RFC 2407 §4.6.2.1 (the numbers agree where both have them). */
enum ike_id_type {
    IKE_ID_IPV4 = 1,
    IKE_ID_FQDN = 2,
    IKE_ID_USER_FQDN = 3, /* RFC822 */
    IKE_ID_IPV4_SUBNET = 4,
    IKE_ID_IPV6 = 5,
    IKE_ID_IPV6_SUBNET = 6,
    IKE_ID_IPV4_RANGE = 7,
    IKE_ID_IPV6_RANGE = 8,
    IKE_ID_DN = 9, /* DER ASN.1 */
    IKE_ID_KEY_ID = 11,
};

/* Authentication methods of IKEv2, RFC 7296 §3.8, RFC 4754, RFC 7427. */
enum {
    AUTH2_RSA = 1,
    AUTH2_PSK = 2,
    AUTH2_ECDSA_256 = 9,
    AUTH2_ECDSA_384 = 10,
    AUTH2_ECDSA_521 = 11,
    AUTH2_DIGITAL_SIGNATURE = 14,
};

#define IKE_HEADER_LEN 28
#define IKE_PORT 500
#define IKE_PORT_NATT 4500
/* The largest datagram that is read or made. */
#define IKE_DATAGRAM_MAX 65535

#endif
