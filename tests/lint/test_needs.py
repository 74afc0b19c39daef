# SPDX-License-Identifier: GPL-3.0-or-later
"""Fail closed (compiler/sem/needs.h): what decides who may come in, or how strongly traffic is protected, and is missing or not
supported, blocks its entry by name and line. Each row breaks one thing of a configuration that is whole; `check` says the
same where it has a finding for it, and the planner's answer is a policy that blocks."""
import json, re, subprocess, tempfile

V2 = '''hostname r1
crypto ikev2 proposal P
 encryption aes-cbc-256
 integrity sha256
 group 19
crypto ikev2 policy POL
 proposal P
crypto ikev2 keyring KR
 peer B
  address 192.0.2.2
  pre-shared-key correct-horse-battery
crypto ikev2 profile PROF
 match identity remote address 192.0.2.2 255.255.255.255
 authentication remote pre-share
 authentication local pre-share
 keyring local KR
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
ip access-list extended L
 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.2
 set transform-set T
 set ikev2-profile PROF
 match address L
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 crypto map M
'''
CERT = V2.replace(' pre-share\n', ' rsa-sig\n').replace(' keyring local KR\n', ' pki trustpoint TP\n') + 'crypto pki trustpoint TP\n enrollment terminal\n revocation-check none\n'
V1 = '''hostname r1
crypto isakmp policy 10
 encr aes 256
 hash sha256
 authentication pre-share
 group 14
crypto keyring KR
 pre-shared-key address 192.0.2.2 key correct-horse-battery
crypto isakmp profile PROF
 keyring KR
 match identity address 192.0.2.2 255.255.255.255
crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac
ip access-list extended L
 permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255
crypto map M 10 ipsec-isakmp
 set peer 192.0.2.2
 set transform-set T
 set isakmp-profile PROF
 match address L
interface GigabitEthernet0/0
 ip address 192.0.2.1 255.255.255.0
 crypto map M
'''
# what is broken, from, to, the line that is named, words of the finding, the id of `check` (None: Linux only)
ROWS = [
    (V1, 'isakmp profile', ' set isakmp-profile PROF', ' set isakmp-profile TYPO', ' set isakmp-profile TYPO', 'isakmp profile is not defined', 'IC3105'),
    (V1, 'isakmp keyring', 'PROF\n keyring KR\n', 'PROF\n keyring TYPO\n', ' keyring TYPO', 'keyring is not defined', 'IC3108'),
    (V1, 'isakmp match', ' match identity address 192.0.2.2 255.255.255.255', ' match certificate NOSUCHMAP', ' match certificate NOSUCHMAP', "no 'match' line", 'IC3113'),
    (V1, 'no such access list', ' match address L', ' match address NOSUCH', ' match address NOSUCH', 'access list does not exist', 'IC3101'),
    (V2, 'access list without lines', ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', ' remark nothing', ' match address L', 'access list has no lines', 'IC3202'),
    (V1, 'transform set', ' set transform-set T', ' set transform-set TYPO T', ' set transform-set TYPO T', 'transform sets is not defined', 'IC3102'),
    (V1, 'xauth', 'crypto map M 10 ipsec-isakmp', 'crypto map M client authentication list X\ncrypto map M 10 ipsec-isakmp', 'crypto map M client authentication list X', 'XAUTH', None),
    (V1, 'a line that is not understood', ' set peer 192.0.2.2', ' set peer 192.0.2.2\n set security-extremely on', ' set security-extremely on', 'not understood', 'IC1001'),
    (V2, 'IKEv2 profile', ' set ikev2-profile PROF', ' set ikev2-profile TYPO', ' set ikev2-profile TYPO', 'IKEv2 profile is not defined', 'IC3106'),
    (V2, 'profile shut down', ' keyring local KR', ' keyring local KR\n shutdown', 'crypto ikev2 profile PROF', 'incomplete or shut down', None),
    (V2, 'match', ' match identity remote address 192.0.2.2 255.255.255.255', ' match certificate NOSUCHMAP', ' match certificate NOSUCHMAP', "no 'match' line", 'IC3113'),
    (V2, 'keyring', ' keyring local KR', ' keyring local TYPO', ' keyring local TYPO', 'keyring is not defined', 'IC3108'),
    (V2, 'keyring of AAA', ' keyring local KR', ' keyring aaa LIST', ' keyring aaa LIST', 'AAA', None),
    (V2, 'key of another', '  address 192.0.2.2', '  address 192.0.2.3', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V2, 'EAP', ' authentication remote pre-share', ' authentication remote eap query-identity', ' authentication remote eap query-identity', 'authentication method', None),
    (V2, 'PPK', '  pre-shared-key correct-horse-battery', '  pre-shared-key correct-horse-battery\n  ppk manual id I key KKKK', '  ppk manual id I key KKKK', 'RFC 8784', None),
    (V2, 'keyring of PPKs', ' keyring local KR', ' keyring local KR\n keyring ppk PK', ' keyring ppk PK', 'RFC 8784', None),
    (V2, 'proposal', 'POL\n proposal P\n', 'POL\n proposal TYPO\n', ' proposal TYPO', 'proposal that is not defined', 'IC3109'),
    (V1, 'isakmp key of another address', ' pre-shared-key address 192.0.2.2 key', ' pre-shared-key address 192.0.2.22 key', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V1, 'isakmp key of another address, beside a host name\'s', ' pre-shared-key address 192.0.2.2 key', ' pre-shared-key hostname c.example key another-key-of-some-length\n pre-shared-key address 192.0.2.22 key', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V1, 'password of another peer', ' pre-shared-key address 192.0.2.2 key correct-horse-battery\n', ' pre-shared-key address 192.0.2.22 key correct-horse-battery\ncrypto isakmp peer address 192.0.2.33\n set aggressive-mode password a-key-of-some-length\n set aggressive-mode client-endpoint fqdn r1.example\n', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V1, 'keyring default without keys', 'PROF\n keyring KR\n', 'PROF\n keyring default\n', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V1, 'keyring for another address of ours', 'crypto keyring KR\n', 'crypto keyring KR\n local-address 192.0.2.9\n', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V2, 'key of another address', '  address 192.0.2.2\n', '  address 192.0.2.22\n', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V2, 'key of another address, beside one by identity', '  address 192.0.2.2\n', '  address 192.0.2.22\n  pre-shared-key another-key-of-some-length\n peer C\n  identity fqdn c.example\n', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V2, 'nearest row without a key', 'crypto ikev2 keyring KR\n peer B\n  address 192.0.2.2\n', 'crypto ikev2 keyring KR\n peer NONE\n  address 192.0.2.2\n peer B\n  address 192.0.2.0 255.255.255.0\n', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V2, 'key for our side alone', '  pre-shared-key correct', '  pre-shared-key local correct', ' set peer 192.0.2.2', 'no pre-shared key', 'IC3705'),
    (V2, 'proposal incomplete', ' group 19\n', '', 'crypto ikev2 proposal P', 'incomplete', 'IC3209'),
    (CERT, 'trustpoint', ' pki trustpoint TP', ' pki trustpoint TYPO', ' pki trustpoint TYPO', 'trustpoint is not defined', 'IC3110'),
    *[(CERT, 'trustpoint: ' + line, ' revocation-check none', ' revocation-check crl\n ' + line, ' ' + line, 'in a way that is not supported', None)
      for line in ('MATCH certificate CM', 'CHAIN-VALIDATION continue ROOT', 'vrf MGMT', 'crl query ldap://ldap.example', 'crl cache extend 5', 'match certificate CM skip revocation-check', 'chain-validation continue ROOT', 'authorization list AAA',
                   'ocsp url https://ocsp.example/', 'ocsp url file:///etc/passwd')],
    (CERT, 'trustpoint: revocation-check ldap', ' revocation-check none', ' revocation-check ldap', ' revocation-check ldap', "(TP: 'ldap' is not a method: none, crl, ocsp)", 'IC1005'),
    *[(CERT, 'trustpoint: behind it: ' + line, ' revocation-check none', ' ' + line if 'revocation' in line else ' revocation-check ocsp crl\n ' + line, ' ' + line, what, 'IC1005')
      for line, what in (('revocation-check crl none ocps', "'ocps' is not a method"), ('ocsp url http://x/ foo', "'foo' is not known at the end"), ('ocsp disable-nonce foo', "'foo' is not known at the end"), ('crl cache none foo', "'foo' is not known at the end"), ('crl cache delete-after 60 foo', "'foo' is not known at the end"))],
    (V1, 'keyring of another VRF', 'crypto keyring KR\n', 'crypto keyring KR vrf RED\n', 'crypto keyring KR vrf RED', 'of a VRF', None),
    (V1, 'keyring for an address in a VRF', 'crypto keyring KR\n', 'crypto keyring KR\n local-address 192.0.2.1 RED\n', ' local-address 192.0.2.1 RED', 'of a VRF', None),
    (V1, 'isakmp profile for an address in a VRF', 'PROF\n keyring KR\n', 'PROF\n local-address 192.0.2.1 RED\n keyring KR\n', ' local-address 192.0.2.1 RED', 'of a VRF', None),
    (CERT, 'trustpoint: ocsp ulr', ' revocation-check none', ' revocation-check ocsp\n ocsp ulr http://x/', ' ocsp ulr http://x/', "'ulr' is not known behind ocsp", 'IC1005'),
    (CERT, 'trustpoint: a URL of LDAP', ' revocation-check none', ' revocation-check ocsp\n ocsp url ldap://x/', ' ocsp url ldap://x/', "'ldap://x/' is not asked: OCSP is asked by http:// only", None),
    (CERT, 'trustpoint: a time without end', ' revocation-check none', ' revocation-check crl\n crl cache delete-after 99999', ' crl cache delete-after 99999', "'delete-after' takes none, or", 'IC1005'),
]

for words in ('client authentication list X', 'client  auth list X', 'CLIENT Authen list X'):
    ROWS += [(V1, 'xauth of a profile: ' + words, 'PROF\n keyring KR\n', 'PROF\n keyring KR\n ' + words + '\n', ' ' + words, 'XAUTH', None),
             (V1, 'xauth of a map: ' + words, 'crypto map M 10 ipsec-isakmp', 'crypto map M ' + words + '\ncrypto map M 10 ipsec-isakmp', 'crypto map M ' + words, 'XAUTH', None)]
ROWS += [
    (V1, 'a profile of the whole map', 'crypto map M 10 ipsec-isakmp', 'crypto map M isakmp-profile PROF\ncrypto map M 10 ipsec-isakmp', 'crypto map M isakmp-profile PROF', 'whole crypto map', None),
    (V1, 'isakmp profile for peers of a VRF', ' match identity address 192.0.2.2 255.255.255.255', ' match identity address 192.0.2.2 255.255.255.255 RED', ' match identity address 192.0.2.2 255.255.255.255 RED', 'VRF', None),
    (V1, 'isakmp profile for packets of a VRF', 'PROF\n keyring KR\n', 'PROF\n vrf RED\n keyring KR\n', ' vrf RED', 'VRF', None),
    (V1, 'PKI authorization', 'PROF\n keyring KR\n', 'PROF\n keyring KR\n client pki authorization list L\n', ' client pki authorization list L', 'AAA', None),
    (V1, 'IKE off', 'crypto keyring KR', 'no crypto isakmp enable\ncrypto keyring KR', 'no crypto isakmp enable', 'switched off', None),
    (V2, 'IKEv2 profile for peers of a VRF', ' keyring local KR', ' match fvrf RED\n keyring local KR', ' match fvrf RED', 'VRF', None),
    (V2, 'IKEv2 profile for packets of a VRF', ' keyring local KR', ' ivrf RED\n keyring local KR', ' ivrf RED', 'VRF', None),
    (V2, 'IKEv2 policy of a VRF', 'POL\n proposal P\n', 'POL\n match fvrf RED\n proposal P\n', ' match fvrf RED', 'VRF', None),
    (V2, 'AAA authorization', ' keyring local KR', ' keyring local KR\n aaa authorization group psk list L G', ' aaa authorization group psk list L G', 'AAA', None),
    # lines that are not understood, wherever what they say would hold
    (V1, 'broken isakmp policy', ' group 14\n', ' gruop 14\n', ' gruop 14', 'not understood', 'IC1001'),
    (V1, 'broken keyring', ' pre-shared-key address 192.0.2.2 key', ' pre-shared-key addres 192.0.2.2 kye', ' pre-shared-key addres 192.0.2.2 kye correct-horse-battery', 'not understood', 'IC1001'),
    (V1, 'broken line of IKEv1', 'crypto keyring KR', 'crypto isakmp aggressive-mode disabel\ncrypto keyring KR', 'crypto isakmp aggressive-mode disabel', 'may be about it', 'IC1001'),
    (V1, 'broken line that takes back', 'crypto keyring KR', 'no crypto isakmp agressive-mode\ncrypto keyring KR', 'no crypto isakmp agressive-mode', 'may be about it', 'IC1001'),
    (V2, 'broken keyring peer', '  pre-shared-key correct-horse-battery', '  pre-shared-key locl correct-horse-battery x', '  pre-shared-key locl correct-horse-battery x', 'not understood', 'IC1004'),
    (V2, 'broken proposal', ' group 19\n', ' gruop 19\n group 14\n', ' gruop 19', 'not understood', 'IC1001'),
    (V2, 'broken line of IKEv2', 'crypto ikev2 policy POL\n proposal P\n', 'crypto ikev2 polcy POL\n proposal P\n', 'crypto ikev2 polcy POL', 'may be about it', 'IC1001'),
    (CERT.replace(' match identity remote address 192.0.2.2 255.255.255.255', ' match certificate CM') + 'crypto pki certificate map CM 10\n subject-name co ou = branch\n issuer-name co cn = ca\n', 'broken certificate map',
     ' subject-name co ou', ' subjet-name co ou', ' subjet-name co ou = branch', 'not understood', 'IC1001'),
]
ROWS += [
    # the block of a misprinted header is not part of the one before
    (V1, 'misprinted header', 'crypto ipsec transform-set T', 'crytpo isakmp profile OTHER\n match identity address 0.0.0.0 0.0.0.0\ncrypto ipsec transform-set T', 'crytpo isakmp profile OTHER', 'may be about it', 'IC1001'),
    (V1, 'misprinted header of a keyring', 'crypto isakmp profile PROF', 'cypto keyring OTHER\n pre-shared-key address 0.0.0.0 0.0.0.0 key guests\ncrypto isakmp profile PROF', 'cypto keyring OTHER', 'may be about it', 'IC1001'),
    (V2, 'misprinted second word', 'crypto ikev2 policy POL\n', 'crypto ikve2 policy POL\n', 'crypto ikve2 policy POL', 'may be about it', 'IC1001'),
    (V1, 'misprinted line that takes back', 'crypto keyring KR', 'no crypto iskmp default policy\ncrypto keyring KR', 'no crypto iskmp default policy', 'may be about it', 'IC1001'),
    (CERT, 'misprinted header of a trustpoint', 'crypto pki trustpoint TP', 'crypto pki trustpont TP\n revocation-check none\ncrypto pki trustpoint TP', 'crypto pki trustpont TP', 'may be about it', 'IC1001'),
]
NUMBERED = V1.replace('ip access-list extended L\n permit', 'access-list 101 permit').replace('match address L', 'match address 101')
MANUAL = V1.replace('M 10 ipsec-isakmp', 'M 10 ipsec-manual').replace(' set isakmp-profile PROF\n', ' set session-key inbound esp 300 cipher 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff authenticator 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n set session-key outbound esp 301 cipher 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff authenticator 00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff\n')
SET = 'crypto ipsec transform-set T esp-aes 256 esp-sha256-hmac'
ROWS += [
    # a transform set that no router takes is none
    *[(whole, 'transform set: %s, %s' % (words, kind), SET, 'crypto ipsec transform-set T ' + words, 'crypto ipsec transform-set T ' + words, 'one that no router accepts', 'IC3401')
      for kind, whole in (('negotiated', V1), ('manual', MANUAL)) for words in ('esp-sha256-hmac', 'esp-aes 256 esp-des esp-sha256-hmac', 'esp-gcm 256 esp-sha256-hmac', 'comp-lzs', 'ah-sha-hmac ah-md5-hmac', 'esp-aes esp-sha-hmac esp-md5-hmac')],
    # lines that are understood, and that the router refuses for what they say
    (V1, 'key size of an isakmp policy', ' encr aes 256\n', ' encr aes 0\n', ' encr aes 0', 'not understood', 'IC1005'),
    (V1, 'number of an isakmp policy', 'crypto keyring KR', 'crypto isakmp policy 70000\n group 19\ncrypto keyring KR', 'crypto isakmp policy 70000', 'may be about it', 'IC1006'),
    (V1, 'lifetime of an isakmp policy', ' group 14\n', ' group 14\n lifetime 1\n', ' lifetime 1', 'not understood', 'IC1006'),
    (MANUAL, 'key size of a transform set, manual', SET, SET.replace('256 ', '0 '), SET.replace('256 ', '0 '), 'may be about it', 'IC1005'),
    (V1, 'an address that is none', ' match identity address 192.0.2.2 255', ' match identity address 300.0.2.2 255', ' match identity address 300.0.2.2 255.255.255.255', 'not understood', 'IC1005'),
    (V2, 'an IKEv2 address that is none', ' match identity remote address 192.0.2.2 255', ' match identity remote address 192,0.2.2 255', ' match identity remote address 192,0.2.2 255.255.255.255', 'not understood', 'IC1005'),
    (V1, 'a key for an address that is none', ' pre-shared-key address 192.0.2.2 key', ' pre-shared-key address 192.0.2.300 key', ' pre-shared-key address 192.0.2.300 key correct-horse-battery', 'not understood', 'IC1005'),
    (V1, 'a peer that is no address', ' set peer 192.0.2.2', ' set peer 300.0.2.2', ' set peer 300.0.2.2', 'not understood', 'IC1005'),
    (V1, 'AAA of a whole map', 'crypto map M 10', 'crypto map M isakmp authorization list X\ncrypto map M 10', 'crypto map M isakmp authorization list X', 'AAA', None),
    (V1, 'glued words', 'crypto keyring KR', 'cryptoisakmp aggressive-mode disable\ncrypto keyring KR', 'cryptoisakmp aggressive-mode disable', 'may be about it', 'IC1001'),
    (V1, 'a colon', 'crypto keyring KR', 'crypto isakmp aggressive-mode disable:\ncrypto keyring KR', 'crypto isakmp aggressive-mode disable:', 'may be about it', 'IC1001'),
    (V1, 'a no-break space', 'crypto keyring KR', 'crypto\u00a0isakmp aggressive-mode disable\ncrypto keyring KR', 'crypto\u00a0isakmp aggressive-mode disable', 'may be about it', 'IC1001'),
    (V1, 'a no-break space in a block', ' group 14\n', ' group\u00a014\n', ' group\u00a014', 'not understood', 'IC1001'),
]
# what is not known cannot be blocked: nothing is applied, whatever is allowed
FATAL = [
    (V1, 'crypto list', ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', ' permti ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255\n permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', ' permti ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255'),
    (V1, 'crypto list in a group', ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255', ' permit ip object-group G 10.2.0.0 0.0.255.255\nobject-group network G\n 10.1.0.0 255.255.0.0\n 10.4.0.0 255.255.o.0', ' 10.4.0.0 255.255.o.0'),
    (V1, 'list by a misprinted header', 'crypto map M 10', 'ip acess-list extended L\n permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255\ncrypto map M 10', 'ip acess-list extended L'),
    (V1, 'list by a misprinted kind', 'crypto map M 10', 'ip access-list extendd L\n permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255\ncrypto map M 10', 'ip access-list extendd L'),
    (V1.replace('ip access-list extended L\n permit', 'access-list 101 permit').replace('match address L', 'match address 101'), 'numbered list', 'crypto map M 10', 'acess-list 101 permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255\ncrypto map M 10', 'acess-list 101 permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255'),
    (V1, 'list of an entry', ' match address L\n', ' match address L\n set ip access-group F in\nip access-list extended F\n dney tcp any any eq 22\n permit ip any any\n', ' dney tcp any any eq 22'),
    (V1, 'access-group', ' crypto map M\n', ' ip acces-group F in\n crypto map M\n', ' ip acces-group F in'),
    (V1, 'match address', ' match address L', ' match adress L', ' match adress L'),
    (V1, 'crypto map', 'crypto map M 10 ipsec-isakmp', 'crypto map M 5 ipsec-iskamp\ncrypto map M 10 ipsec-isakmp', 'crypto map M 5 ipsec-iskamp'),
    (V1, 'filter', ' crypto map M\n', ' ip access-group F in\n crypto map M\nip access-list extended F\n dney tcp any any\n permit ip any any\n', ' dney tcp any any'),
    (V1, 'interface', ' crypto map M\n', ' crytpo map M\n', ' crytpo map M'),
    *[(V1, 'refused line of a crypto list: ' + words, ' permit ip 10.1.0.0', ' %s\n permit ip 10.1.0.0' % words, ' ' + words) for words in (
        'permit 300 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255', 'permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255 eq 80', '0 permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255',
        'permit tcp 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255 eq 70000', 'permit ip host branch.example 10.2.0.0 0.0.255.255', 'permit ip object-group NOWHERE 10.2.0.0 0.0.255.255')],
    (V1, 'sequence of a map', 'crypto map M 10', 'crypto map M 70000 ipsec-isakmp\n set peer 192.0.2.2\ncrypto map M 10', 'crypto map M 70000 ipsec-isakmp'),
    *[(V1, 'list by ' + line, 'crypto map M 10', line + '\n permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255\ncrypto map M 10', line) for line in (
        'ip\u00a0access-list extended L', 'ip access-list extended\u200b L', 'ip access\u2011list extended L', 'ipaccess-list extended L', 'ipv4 access-list extended L', 'pi access-list extended L', 'ip; access-list extended L',
        'ip access-list: extended L', 'ip access-list extended', 'ip access-listextended L')],
    *[(V1, 'map by ' + line, 'crypto map M 10', line + '\n set peer 192.0.2.2\ncrypto map M 10', line) for line in ('crypto-map M 5 ipsec-isakmp', 'cryptomap M 5 ipsec-isakmp', 'crypto\u00a0map M 5 ipsec-isakmp', 'rypt map M 5 ipsec-isakmp')],
    *[(NUMBERED, 'numbered list by ' + line, 'crypto map M 10', line + '\ncrypto map M 10', line) for line in (
        'access-list101 permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255', 'access-list\u00a0101 permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255', 'access-list 1O1 permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255')],
    *[(V1, 'access-group by ' + line, ' crypto map M\n', ' %s\n crypto map M\n' % line, ' ' + line) for line in (
        'access-group F in', 'ipaccess-group F in', 'ip acl F in', 'ip access-list F in', 'pi access-group F in', 'ip access-group: F in', 'ip\u00a0access-group F in')],
    *[(V1, 'refused line of a filter: ' + words, ' crypto map M\n', ' ip access-group F in\n crypto map M\nip access-list extended F\n %s\n permit ip any any\n' % words, ' ' + words) for words in (
        'deny tcp any any 22', 'deny tcp any any eq 70000', 'deny ip any any eq 22', '0 deny tcp any any eq 22')],
]


def fatal(program, env, row):
    whole, name, old, new, line = row
    assert old in whole, name
    text = whole.replace(old, new, 1)
    at = text.split('\n').index(line) + 1
    with tempfile.NamedTemporaryFile('w', suffix='.cfg') as f:
        f.write(text)
        f.flush()
        p = run(program, env, 'compile', '--to', 'xfrm', '--interface-map', 'Gi0/0=eth0', f.name)
    found = [int(n) for n in re.findall(r':(\d+):\d+: error: .* \[IC4023', p.stderr)]
    assert found == [at], '%s: IC4023 at %s, not at %d: %s' % (name, found, at, p.stderr)


def run(program, env, *args, stdin=None):
    return subprocess.run([program, *args], input=stdin, capture_output=True, text=True, env=env)


def blocked(program, env, text):
    """lines of IC4022 with their sentences, and whether the plan protects anything"""
    with tempfile.NamedTemporaryFile('w', suffix='.cfg') as f:
        f.write(text)
        f.flush()
        p = run(program, env, 'compile', '--to', 'xfrm', '--interface-map', 'Gi0/0=eth0', f.name)
        found = [(int(n), words) for n, words in re.findall(r':(\d+):\d+: error: (.*) \[IC4022', p.stderr)]
        return found, p.stdout


def one(program, env, row):
    whole, name, old, new, line, words, finding = row
    assert old in whole, name
    text = whole.replace(old, new, 1)
    found, plan = blocked(program, env, text)
    at = text.split('\n').index(line) + 1
    assert any(n == at and words in w for n, w in found), '%s: no IC4022 at line %d with "%s": %s' % (name, at, words, found)
    assert 'action block' in plan and ' tmpl ' not in plan, '%s: not blocked:\n%s' % (name, plan)
    if finding:
        found = json.loads(run(program, env, 'check', '--format', 'json', '-', stdin=text).stdout)['findings']
        assert any(f['id'] == finding for f in found), '%s: check does not say %s: %s' % (name, finding, [(f['id'], f['line']) for f in found])


# of other lists, other protocols, other blocks
NOT_OURS = ['access-list 102 permit ip 10.3.0.0 0.0.255.255 10.2.0.0 0.0.255.255 eq 80', 'access-list 700 permit 0000.0000.0000 ffff.ffff.ffff', 'access-list compiled', 'access-list rate-limit 1 5', 'ip nat outside source static 1.1.1.1 2.2.2.2',
            'ip nat inside destination list 1 pool P', 'ip access-list extendd OTHER', '\u2705 crypto map is configured']


def not_ours(program, env):
    for line in NOT_OURS:
        for whole in (V1, NUMBERED):
            for text in (whole.replace('crypto map M 10', line + '\ncrypto map M 10'), whole + '!\n' + line + '\n'):
                found, plan = blocked(program, env, text)
                assert not found and ' tmpl ' in plan, '%s: %s\n%s' % (line, found, plan)


def controls(program, env):
    for whole in (V1, V2, CERT, *(CERT.replace(' revocation-check none\n', x) for x in (
            '', ' revocation-check crl none\n', ' revocation-check ocsp crl\n ocsp url http://ocsp.example/\n ocsp disable-nonce\n', ' crl optional\n', ' chain-validation stop\n',
            ' revocation-check crl\n crl cache none\n', ' crl cache delete-after 60\n')), V2.replace(' authentication remote pre-share', ' authentication remote pre-share key AAAA').replace(
            ' authentication local pre-share', ' authentication local pre-share key BBBB').replace(' keyring local KR\n', '')):
        found, plan = blocked(program, env, whole)
        assert not found and ' tmpl ' in plan, '%s\n%s' % (found, plan)
    # keys that are found otherwise than by the peer's address, or by the row that is nearest to it
    v2 = V2.replace('  address 192.0.2.2\n', '%s')
    v1 = V1.replace(' pre-shared-key address 192.0.2.2 key', ' pre-shared-key %s key')
    for whole in (v2 % '  address 0.0.0.0 0.0.0.0\n', v2 % '  address 192.0.2.0 255.255.255.0\n', v2 % '  identity address 192.0.2.2\n',
                  v2.replace('match identity remote address 192.0.2.2 255.255.255.255', 'match identity remote fqdn domain example') % '  identity fqdn b.example\n',
                  v2.replace('match identity remote address 192.0.2.2 255.255.255.255', 'match identity remote fqdn b.example') % '  hostname b.example\n',
                  v1 % 'address 0.0.0.0 0.0.0.0', v1 % 'address 192.0.2.0 255.255.255.0', V1.replace('crypto keyring KR\n', 'crypto keyring KR\n local-address GigabitEthernet0/0\n'),
                  v1.replace('match identity address 192.0.2.2 255.255.255.255', 'match identity host b.example') % 'hostname b.example',
                  V1.replace('PROF\n keyring KR\n', 'PROF\n keyring default\n').replace('crypto keyring KR\n', 'crypto isakmp key a-key-of-some-length address 192.0.2.2\ncrypto keyring KR\n'),
                  v1.replace(' set isakmp-profile PROF\n', '').replace('crypto ipsec', 'crypto isakmp peer address 192.0.2.2\n set aggressive-mode password a-key-of-some-length\n set aggressive-mode client-endpoint fqdn r1.example\ncrypto ipsec', 1) % 'address 192.0.2.77'):
        found, plan = blocked(program, env, whole)
        assert not found and ' tmpl ' in plan, '%s\n%s' % (found, plan)
    # not in force: on no interface, or on one that is shut
    for shut in (V1.replace('\n crypto map M\n', '\n'), V1.replace('\n crypto map M\n', '\n shutdown\n crypto map M\n')):
        found, plan = blocked(program, env, shut.replace('set isakmp-profile PROF', 'set isakmp-profile TYPO'))
        assert not found, found


def tests(program, env):
    yield 'needs: controls', lambda: controls(program, env)
    yield 'needs: lines that are about others', lambda: not_ours(program, env)
    for row in ROWS:
        yield 'needs: ' + row[1], lambda row=row: one(program, env, row)
    for row in FATAL:
        yield 'needs: not understood: ' + row[1], lambda row=row: fatal(program, env, row)
