# SPDX-License-Identifier: GPL-3.0-or-later
"""Seeded mistakes: each is put into a clean fleet of testdata/fleet, and what is reported must be exactly what is written
here: the mistake itself first, then its direct consequences, by router and rule. Nothing else may be said.

A mistake: name, fleet, router, what stands there, what is put in its place, findings."""
import json, os, shutil, subprocess, tempfile

M = [
    # algorithms
    ('DES for IKE', 'v1', 'a', ' encr aes 256\n', ' encr des\n', 'a:IC3001 a:IC5002'),
    ('DES because the line is missing', 'v1', 'a', ' encr aes 256\n', '', 'a:IC3001 a:IC5002'),
    ('3DES in a transform set', 'v1', 'a', 'STRONG esp-aes 256', 'STRONG esp-3des', 'a:IC3001 a:IC5003'),
    ('MD5 for IKE', 'v1', 'a', ' hash sha256', ' hash md5', 'a:IC3002 a:IC5002'),
    ('MD5 in a transform set', 'v1', 'b', 'esp-sha256-hmac', 'esp-md5-hmac', 'b:IC3002 a:IC5003'),
    ('group 2 for IKE', 'v1', 'a', ' group 14\n', ' group 2\n', 'a:IC3003 a:IC5002'),
    ('group 1 because the line is missing', 'v1', 'b', ' group 14\n', '', 'b:IC3003 a:IC5002'),
    ('group 5 for PFS', 'v1', 'b', ' set pfs group14', ' set pfs group5', 'b:IC3003 b:IC3008 a:IC5006'),
    ('bare set pfs', 'v1', 'a', ' set pfs group14', ' set pfs', 'a:IC3004 a:IC5006'),
    ('group 2 in a proposal', 'v2', 'a', ' group 19\n', ' group 2\n', 'a:IC3003 a:IC5002'),
    ('3DES in a proposal', 'v2', 'b', 'encryption aes-cbc-256', 'encryption 3des', 'b:IC3001 a:IC5002'),
    ('PFS weaker than IKE', 'v2', 'a', 'set pfs group19\n set ikev2-profile PROF\n match address CRYPTO\n', 'set pfs group14\n set ikev2-profile PROF\n match address CRYPTO\n', 'a:IC3008 a:IC5006'),
    # references
    ('no such list', 'v1', 'a', ' match address CRYPTO', ' match address CRYPT', 'a:IC3101 b:IC5001'),
    ('no such transform set', 'v1', 'a', ' set transform-set STRONG', ' set transform-set STRNG', 'a:IC3102 a:IC5003'),
    ('no such dynamic map', 'hub', 'b', 'dynamic DYN\n', 'dynamic DYM\n', 'b:IC3103 a:IC5001'),
    ('no such crypto map', 'v1', 'b', ' crypto map VPN\n', ' crypto map VPM\n', 'b:IC3104 a:IC5001'),
    ('no such IKEv2 profile', 'v2', 'a', 'set ikev2-profile PROF\n match address CRYPTO\n', 'set ikev2-profile PROV\n match address CRYPTO\n', 'a:IC3106 a:IC5010'),
    ('no such keyring', 'v2', 'a', 'keyring local RING', 'keyring local RNIG', 'a:IC3108 a:IC5004 a:IC5004'),
    ('no such proposal', 'v2', 'a', 'policy POL\n proposal P\n', 'policy POL\n proposal Q\n', 'a:IC3109 a:IC3210 a:IC5002'),
    ('map on no interface', 'v1', 'b', ' crypto map VPN\ninterface', 'interface', 'b:IC3116 a:IC5001'),
    ('set that nothing names', 'v1', 'a', 'crypto map VPN 10', 'crypto ipsec transform-set SPARE esp-gcm 256\ncrypto map VPN 10', 'a:IC3117'),
    ('dynamic map that nothing names', 'hub', 'b', 'crypto map VPN 65535 ipsec-isakmp dynamic DYN\n', '', 'b:IC3118 a:IC5001'),
    ('keyring that nothing names', 'v2', 'a', 'crypto ikev2 profile', 'crypto ikev2 keyring OLD\n peer x\n  address 192.0.2.3\n  pre-shared-key qD8w-2mPz-6tRw-1bNc\ncrypto ikev2 profile', 'a:IC3121'),
    ('profile that nothing names', 'v2', 'a', 'crypto ipsec transform', 'crypto ikev2 profile OLD\n match identity remote any\n authentication remote pre-share\n authentication local pre-share\n keyring local RING\ncrypto ipsec transform', 'a:IC3119'),
    # entries
    ('no peer', 'v1', 'a', ' set peer 203.0.113.1\n', '', 'a:IC3201 a:IC3706 b:IC5001'),
    ('list without lines', 'v1', 'a', ' permit ip 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255\n permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255\n', ' remark none\n', 'a:IC3202 b:IC5001'),
    ('dynamic map not last', 'hub', 'b', 'crypto map VPN 65535 ipsec-isakmp dynamic', 'crypto map VPN 5 ipsec-isakmp dynamic', 'b:IC3203'),
    ('dynamic entry without a list', 'hub', 'b', ' match address SPOKES\n', '', 'b:IC3205'),
    ('IKEv2 profile without a method', 'v2', 'a', ' authentication remote pre-share\n', '', 'a:IC3208 a:IC5010'),
    ('proposal without integrity', 'v2', 'a', ' integrity sha256\n', '', 'a:IC3209 a:IC5002'),
    ('proposal without a policy', 'v2', 'b', 'crypto ikev2 policy POL\n proposal P\n', '', 'b:IC3210 b:IC3001 b:IC3002 b:IC3003 a:IC5002'),
    ('policy without a proposal', 'v2', 'b', 'crypto ikev2 policy POL\n proposal P\n', 'crypto ikev2 policy POL\n', 'b:IC3213 b:IC3210 b:IC3001 b:IC3002 b:IC3003 a:IC5002'),
    ('GCM with integrity', 'v2', 'a', 'encryption aes-cbc-256', 'encryption aes-gcm-256', 'a:IC3220 a:IC5002'),
    ('permit ip any any', 'v1', 'a', ' permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255\n', ' permit ip any any\n', 'a:IC3214 a:IC3606 a:IC5005'),
    ('any in a line', 'v1', 'a', 'permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255', 'permit ip any 10.3.0.0 0.0.255.255', 'a:IC3215 a:IC5005'),
    ('same network twice', 'v1', 'a', '0.0.255.255 10.3.0.0 0.0.255.255', '0.0.255.255 10.1.0.0 0.0.255.255', 'a:IC3217 a:IC3606 a:IC5005 b:IC5005'),
    ('peer inside its own network', 'v1', 'a', ' permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255\n', ' permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255\n permit ip 10.1.0.0 0.0.255.255 203.0.0.0 0.0.255.255\n', 'a:IC3218 a:IC3606 a:IC5005'),
    ('peer is the router itself', 'v1', 'a', ' set peer 203.0.113.1', ' set peer 198.51.100.2', 'a:IC3219 a:IC3607 a:IC3607 a:IC3705 a:IC3706 b:IC5001'),
    ('transport mode between networks', 'v1', 'a', ' mode tunnel', ' mode transport', 'a:IC3216'),
    # transform sets
    ('no authentication', 'v1', 'a', 'esp-aes 256 esp-sha256-hmac', 'esp-aes 256', 'a:IC3402 a:IC5003'),
    ('no secrecy', 'v1', 'a', 'esp-aes 256 esp-sha256-hmac', 'esp-null esp-sha256-hmac', 'a:IC3403 a:IC5003'),
    ('SEAL', 'v1', 'a', 'esp-aes 256 esp-sha256-hmac', 'esp-seal esp-sha256-hmac', 'a:IC3404 a:IC5003'),
    ('two ciphers', 'v1', 'a', 'esp-aes 256 esp-sha256-hmac', 'esp-gcm 256 esp-sha256-hmac', 'a:IC3401 a:IC5003'),
    # lifetimes
    ('IPsec outlives IKE', 'v1', 'a', ' group 14\n', ' group 14\n lifetime 1800\n', 'a:IC3501'),
    ('no volume limit', 'v1', 'a', ' match address', ' set security-association lifetime kilobytes disable\n match address', 'a:IC3502 a:IC5007'),
    ('small volume', 'v1', 'b', ' match address', ' set security-association lifetime kilobytes 2560\n match address', 'b:IC3503 a:IC5007'),
    ('per host', 'v1', 'a', ' match address', ' set security-association level per-host\n match address', 'a:IC3504'),
    ('replay check off', 'v1', 'a', ' match address', ' set security-association replay disable\n match address', 'a:IC3505'),
    # meaning
    ('entry taken by an earlier one', 'v2', 'a', 'permit tcp 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255 eq 443', 'permit tcp 10.1.0.0 0.0.255.255 10.2.0.0 0.0.255.255 eq 443', 'a:IC3601 a:IC5005'),
    ('overlapping entries', 'v2', 'a', 'permit tcp 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255 eq 443', 'permit tcp 10.1.0.0 0.0.255.255 10.2.0.0 0.1.255.255 eq 443', 'a:IC3602 a:IC5005'),
    ('line that nothing reaches', 'v1', 'b', ' permit ip 10.3.0.0 0.0.255.255 10.1.0.0 0.0.255.255\n', ' permit ip 10.3.0.0 0.0.255.255 10.1.0.0 0.0.255.255\n permit ip 10.3.4.0 0.0.0.255 10.1.4.0 0.0.0.255\n', 'b:IC3603'),
    ('deny without effect', 'v1', 'b', ' permit ip 10.3.0.0 0.0.255.255 10.1.0.0 0.0.255.255\n', ' permit ip 10.3.0.0 0.0.255.255 10.1.0.0 0.0.255.255\n deny   ip 10.2.0.0 0.0.255.255 10.1.0.0 0.0.255.255\n', 'b:IC3603 b:IC3604'),
    ('one network, two peers', 'hub', 'b', 'permit ip 10.2.0.0 0.0.255.255 10.77.0.0 0.0.255.255\n', 'permit ip 10.2.0.0 0.0.255.255 10.77.0.0 0.0.255.255\ncrypto map VPN 20 ipsec-isakmp\n set peer 192.0.2.78\n set transform-set STRONG\n match address OTHER2\ncrypto isakmp key zR4n-8kWq-2vLx-7hTb address 192.0.2.78\nip access-list extended OTHER2\n permit ip 10.2.0.0 0.0.255.255 10.76.0.0 0.1.255.255\n', 'b:IC3605'),
    ('NAT before the tunnel', 'v1', 'a', ' deny   ip 10.1.0.0 0.0.255.255 10.2.0.0 0.1.255.255\n', '', 'a:IC3606'),
    ('filter drops ESP', 'v1', 'a', ' permit esp host 203.0.113.1 host 198.51.100.2\n', '', 'a:IC3607'),
    ('filter drops IKE', 'v1', 'a', ' permit udp host 203.0.113.1 host 198.51.100.2 eq isakmp\n', '', 'a:IC3607'),
    ('filter of the entry drops its traffic', 'v1', 'b', ' match address CRYPTO\n', ' match address CRYPTO\n set ip access-group WRONG in\nip access-list extended WRONG\n permit ip 10.9.0.0 0.0.255.255 any\n', 'b:IC3608 b:IC3608'),
    # keys
    ('wildcard key', 'v1', 'a', 'address 203.0.113.1\ncrypto ipsec', 'address 0.0.0.0\ncrypto ipsec', 'a:IC3702'),
    ('one key for two peers', 'hub', 'a', '4hVd-8sLw-6yBn-3gJf', 'x7Kq-9mPz-4tRw-2bNc', 'a:IC3703 a:IC5004'),
    ('key from every list', 'v1', 'a', 'key x7Kq-9mPz-4tRw-2bNc', 'key cisco123', 'a:IC3704 a:IC5004'),
    ('no key for the peer', 'v1', 'a', 'address 203.0.113.1\ncrypto ipsec', 'address 203.0.113.2\ncrypto ipsec', 'a:IC3705 a:IC3706 a:IC5004'),
    ('key for nobody', 'v1', 'a', 'crypto ipsec transform', 'crypto isakmp key 4hVd-8sLw-6yBn-3gJf address 192.0.2.9\ncrypto ipsec transform', 'a:IC3706'),
    ('peer by name', 'v1', 'a', ' set peer 203.0.113.1', ' set peer hq.example.net', 'a:IC3707 b:IC5001'),
    ('type 7 key', 'v2', 'a', 'pre-shared-key x7Kq-9mPz-4tRw-2bNc', 'pre-shared-key 7 0822455D0A16544541420507', 'a:IC3704 a:IC3708 a:IC5004'),
    ('certificates without a trustpoint', 'v1', 'a', ' authentication pre-share', ' authentication rsa-sig', 'a:IC3709 a:IC5010'),
    # reading
    ('misspelt command', 'v1', 'a', ' set peer 203', ' set pear 203', 'a:IC1001 a:IC3706 b:IC5001'),
    ('number out of range', 'v1', 'a', ' group 14\n', ' group 14\n lifetime 10\n', 'a:IC1006'),
    ('mask for a wildcard', 'v1', 'a', 'permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255', 'permit ip 10.1.0.0 0.0.255.255 10.3.0.0 255.255.0.0', 'a:IC2006 a:IC3606 a:IC5005 b:IC5005'),
    # across routers
    ('one side lacks the peer', 'hub', 'c', ' set peer 198.51.100.2', ' set peer 198.51.100.9', 'c:IC3705 c:IC3706 c:IC3216 a:IC5001'),
    ('keys differ', 'v1', 'b', 'key x7Kq-9mPz-4tRw-2bNc', 'key x7Kq-9mPz-4tRw-2bNd', 'a:IC5004'),
    ('keys differ, IKEv2', 'v2', 'b', 'pre-shared-key x7Kq-9mPz-4tRw-2bNc', 'pre-shared-key x7Kq-9mPz-4tRw-2bNd', 'a:IC5004'),
    ('no common hash', 'v1', 'a', ' hash sha256', ' hash sha512', 'a:IC5002'),
    ('key length of a transform', 'v1', 'b', 'STRONG esp-aes 256', 'STRONG esp-aes 192', 'a:IC5003'),
    ('line without a mirror', 'v1', 'b', ' permit ip 10.3.0.0 0.0.255.255 10.1.0.0 0.0.255.255\n', '', 'a:IC5005'),
    ('narrower mirror', 'v1', 'b', ' permit ip 10.3.0.0 0.0.255.255 10.1.0.0', ' permit ip 10.3.0.0 0.0.0.255 10.1.0.0', 'a:IC5005'),
    ('nothing mirrored', 'hub', 'c', 'permit gre host 203.0.113.9', 'permit ospf host 203.0.113.9', 'a:IC5005'),
    ('PFS on one side', 'v1', 'b', ' set pfs group14\n', '', 'b:IC5006'),
    ('PFS group differs', 'v1', 'b', ' set pfs group14', ' set pfs group19', 'a:IC5006'),
    ('lifetimes differ', 'v1', 'b', ' match address', ' set security-association lifetime seconds 1800\n match address', 'a:IC5007'),
    ('modes differ', 'hub', 'c', ' mode transport', ' mode tunnel', 'a:IC5008'),
    ('IKE versions differ', 'v2', 'b', ' set ikev2-profile PROF\n match address CRYPTO2', ' match address CRYPTO2', 'b:IC3001 b:IC3002 b:IC3003 a:IC5009'),
    ('methods differ', 'v2', 'b', ' authentication remote pre-share', ' authentication remote rsa-sig', 'a:IC5010'),
    ('identity refused', 'v2', 'b', 'remote address 198.51.100.2 255', 'remote address 198.51.100.7 255', 'a:IC5011 a:IC5011'),
    ('identity by name refused', 'v2', 'a', ' authentication local pre-share\n', ' identity local fqdn branch.example.net\n authentication local pre-share\n', 'a:IC5011'),
    # manual keys: what goes out on one side comes in on the other
    ('SPI differs', 'manual', 'b', 'inbound esp 700', 'inbound esp 702', 'a:IC5014'),
    ('both SPIs differ', 'manual', 'b', 'outbound esp 701', 'outbound esp 703', 'b:IC5014'),
    ('session key differs', 'manual', 'a', 'cipher 0a1b', 'cipher 0a1c', 'a:IC5014'),
    ('authenticator differs', 'manual', 'a', 'authenticator 2211', 'authenticator 2212', 'b:IC5014'),
    ('manual set differs', 'manual', 'b', 'esp-sha256-hmac', 'esp-sha-hmac', 'b:IC3305 b:IC3305 a:IC5003'),
    ('mode of a manual set', 'manual', 'b', ' mode tunnel', ' mode transport', 'b:IC3216'),
    ('manual list without a mirror', 'manual', 'b', '10.1.0.0 0.0.255.255', '10.3.0.0 0.0.255.255', 'a:IC5005'),
    ('keyed by hand on one side', 'manual', 'b', 'HAND 10 ipsec-manual', 'HAND 10 ipsec-isakmp', 'b:IC0002 b:IC2011 b:IC3001 b:IC3002 b:IC3003 a:IC5009'),
    ('address on two routers', 'hub', 'c', 'ip access-list extended GRE\n', 'interface Loopback1\n ip address 203.0.113.1 255.255.255.255\nip access-list extended GRE\n', 'b:IC5013'),
]


def seeded(fleet, router, old, new, expected, ioscc, env):
    tmp = tempfile.mkdtemp(prefix='ioscc-mutation-')
    try:
        for f in os.listdir('testdata/fleet/' + fleet):
            text = open('testdata/fleet/%s/%s' % (fleet, f)).read()
            if f == router + '.cfg':
                if text.count(old) < 1:
                    raise AssertionError('%r does not stand in %s' % (old, f))
                text = text.replace(old, new, 1)
            open(os.path.join(tmp, f), 'w').write(text)
        p = subprocess.run([ioscc, 'check', '--fleet', '-f', 'json', tmp], capture_output=True, env=env)
        found = json.loads(p.stdout)['findings']
        got = sorted('%s:%s' % (os.path.basename(x['file'])[:-4], x['id']) for x in found)
        if got != sorted(expected.split()):
            raise AssertionError('wanted %s, got\n%s' % (expected, '\n'.join('%s:%d %s %s' % (os.path.basename(x['file']), x['line'], x['id'], x['message']) for x in found)))
    finally:
        shutil.rmtree(tmp)


# Every rule's own bad example is a mistake seeded into its good one. Beside the rule itself only these consequences:
CONSEQUENCES = {
    'IC3119': 'IC3001 IC3002 IC3003',  # the entry falls back to IKEv1 and its built-in policies
    'IC3201': 'IC3706',                # without the peer its key is for nobody
    'IC3206': 'IC3205',                # the same missing list
    'IC3207': 'IC3705 IC3706',         # the peer of the other family has no key, the key no peer
    'IC3307': 'IC3308',                # GCM needs no authenticator: its key is not used
    'IC3705': 'IC3706',
    'IC3708': 'IC3704',                # the key behind the type 7 text is weak
}
NEEDS = {'IC3005': ['--profile', 'rfc8247'], 'IC3710': ['--master-key-file', 'testdata/rules/IC3710/master'], 'IC3007': ['--rule', 'IC3007=note'], 'IC3701': ['--rule', 'IC3701=note']}


def examples(ioscc, env):
    def run(*args):
        out = {}
        p = subprocess.run([ioscc, 'check', '--no-settings', '-f', 'json', *args], capture_output=True, env=env)
        for f in json.loads(p.stdout)['findings']:
            out.setdefault(f['file'], set()).add(f['id'])
        return out
    wrong, found = [], run('testdata/rules')
    for rule in sorted(r for r in os.listdir('testdata/rules') if r.startswith('IC3')):
        here = run(*NEEDS[rule], 'testdata/rules/' + rule) if rule in NEEDS else found
        bad, good = (here.get('testdata/rules/%s/%s.cfg' % (rule, n), set()) for n in ('bad', 'good'))
        if rule not in bad or rule in good or bad - good - {rule} != set(CONSEQUENCES.get(rule, '').split()):
            wrong.append('%s: bad %s, good %s' % (rule, sorted(bad), sorted(good)))
    assert not wrong, '\n'.join(wrong)


def clean(fleet, ioscc, env):
    p = subprocess.run([ioscc, 'check', '--fleet', '-f', 'json', 'testdata/fleet/' + fleet], capture_output=True, env=env)
    found = json.loads(p.stdout)['findings']
    assert not found, found


def tests(ioscc, env):
    for fleet in sorted(os.listdir('testdata/fleet')):
        yield 'mutations: clean ' + fleet, lambda fleet=fleet: clean(fleet, ioscc, env)
    yield 'mutations: the example of every rule', lambda: examples(ioscc, env)
    for m in M:
        yield 'mutations: ' + m[0], lambda m=m: seeded(*m[1:], ioscc, env)
