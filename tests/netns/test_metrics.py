# SPDX-License-Identifier: GPL-3.0-or-later
"""ioscc metrics, as Prometheus' own parser of OpenMetrics reads it: a tunnel with charon, one without a peer, one that is blocked,
one of a dynamic map; and what the watch has put right."""
import json, os, subprocess, sys

sys.path[:0] = ['tests/netns', 'tests/lint']
import lab, test_strongswan as swan, test_uplinks as uplinks

CONFIG = uplinks.HEAD + '''crypto map M 20 ipsec-isakmp
 set peer 192.0.2.99
 set transform-set T
 match address L2
crypto map M 30 ipsec-isakmp
 set peer 192.0.2.1
 set transform-set NOSUCH
 match address L3
crypto map M 65000 ipsec-isakmp dynamic D
crypto dynamic-map D 10
 set transform-set T
 match address L4
crypto isakmp key another address 192.0.2.99
ip access-list extended L2
 permit ip 10.1.0.0 0.0.255.255 10.3.0.0 0.0.255.255
ip access-list extended L3
 permit ip 10.1.0.0 0.0.255.255 10.4.0.0 0.0.255.255
ip access-list extended L4
 permit ip 10.1.0.0 0.0.255.255 10.5.0.0 0.0.255.255
''' + uplinks.TWO[len(uplinks.HEAD):]
PEER = '''connections { c {
  version = 1
  local_addrs = 192.0.2.1
  remote_addrs = 203.0.113.2
  proposals = aes256-sha256-modp2048
  local { auth = psk
    id = 192.0.2.1 }
  remote { auth = psk
    id = 203.0.113.2 }
  children { c {
    local_ts = 10.2.0.0/16
    remote_ts = 10.1.0.0/16
    esp_proposals = aes256-sha256 } }
} }
secrets { ike { secret = "correct-horse-battery" } }
'''
READ = '''import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
print(json.dumps([[f.name, f.type, f.documentation, [[s.name, s.labels, s.value] for s in f.samples]] for f in families(sys.stdin.read())]))
'''


class Unavailable(Exception):
    """why it cannot be run here"""


def read(text):
    """{name: [(labels, value)]}; each family has a type and says what it is"""
    p = subprocess.run(['/usr/bin/python3', '-c', READ], input=text, capture_output=True, text=True)
    if 'No module named' in p.stderr:
        raise Unavailable('python3-prometheus-client is not installed')
    assert p.returncode == 0, p.stderr + text
    out = {}
    for name, kind, what, samples in json.loads(p.stdout):
        assert kind in ('gauge', 'counter') and what, (name, kind, what)
        for sample, labels, value in samples:
            out.setdefault(sample, []).append((labels, value))
    return out


def metrics():
    with uplinks.Uplinks(CONFIG, options=('--discard-sas', '--allow-partial')) as u:
        peer = swan.Daemon(u.isp, u.dir, 'p', tries=2 * lab.BOUND)
        try:
            peer.load(PEER)

            def now():
                return read(u.ioscc('metrics').stdout)

            def states(m):
                return {labels['state']: v for labels, v in m['ioscc_entries']}
            m = now()
            assert states(m) == {'configured': 4, 'up': 0, 'down': 3, 'blocked': 1}, m
            assert m['ioscc_in_sync'] == [({}, 1)] and m['ioscc_daemon_running'] == [({}, 1)] and m['ioscc_confirm_pending'] == [({}, 0)], m
            assert m['ioscc_repairs_total'] == [({}, 0)] and m['ioscc_ike_negotiations_total'][0][1] >= 0, m
            u.traffic()
            lab.wait_for(u.said, lambda: states(now())['up'] == 1)
            m = now()
            assert states(m) == {'configured': 4, 'up': 1, 'down': 2, 'blocked': 1}, m
            rows = {tuple(sorted(labels.items())): v for labels, v in m['ioscc_entry_child_sas']}
            assert rows == {(('entry', '10'), ('map', 'M')): 1, (('entry', '20'), ('map', 'M')): 0, (('entry', '30'), ('map', 'M')): 0, (('dynamic_entry', '10'), ('entry', '65000'), ('map', 'M')): 0}, rows
            assert m['ioscc_ike_sas'] == [({}, 1)] and m['ioscc_ike_child_sas'] == [({}, 1)], m
            u.node.ip('xfrm', 'policy', 'flush')
            lab.wait_for(u.said, lambda: now()['ioscc_repairs_total'][0][1] >= 1)
            assert now()['ioscc_in_sync'] == [({}, 1)]
            u.p.terminate()
            u.p.wait(lab.BOUND)
            m = now()
            assert m['ioscc_daemon_running'] == [({}, 0)] and states(m)['up'] == 0 and 'ioscc_ike_sas' not in m, m
            u.ioscc('remove')
            m = now()
            assert set(states(m).values()) == {0} and m['ioscc_in_sync'] == [({}, 1)], m
        finally:
            peer.stop()


def tests():
    yield 'netns: metrics', metrics
