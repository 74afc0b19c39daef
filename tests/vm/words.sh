# SPDX-License-Identifier: GPL-3.0-or-later
# Words that the scripts of all guests share. A guest without KVM is slow, and how slow varies: whoever waits here waits for
# what must happen, never for a time. BOUND is what only a hang reaches.
BOUND=300

uptime_s() { local up; read -r up _ < /proc/uptime; echo "${up%.*}"; }
# await WHAT COMMAND...: until the command succeeds; says what has not come
await() {
    local what=$1 end=$(($(uptime_s) + BOUND)); shift
    until "$@"; do
        [ "$(uptime_s)" -lt $end ] || { say "in $BOUND seconds not there: $what"; return 1; }
        sleep 0.1
    done; }
await_not() { await "$1" lacks "${@:2}"; }
lacks() { ! "$@"; }
# lines FILE EXPRESSION: how many there are
lines() { grep -cE -- "$2" "$1" 2>/dev/null; }
lines_are() { [ "$(lines "$2" "$3")" -ge "$1" ]; }
# a port (of "tcp" or "udp") that somebody in the node listens at
bound() { ip netns exec $1 cat /proc/net/$2 /proc/net/${2}6 2>/dev/null | grep -qE ":$(printf %04X $3) [0-9A-F]+:0000 (07|0A) "; }
# answers NODE COMMAND...: an echo request is answered, or another one after it: the first raises the tunnel and is lost. The
# longer it takes, the longer each is waited for
answers() {
    local end=$(($(uptime_s) + BOUND)) patience=1
    until ip netns exec $1 ping -c 1 -W $patience "${@:2}" > /tmp/out 2>&1; do
        [ "$(uptime_s)" -lt $end ] || return 1
        [ $patience -ge 20 ] || patience=$((patience + 1))
    done; }
# again COMMAND... &: over and over, at least once, until `enough` is said; the last one is brought to its end. /tmp/enough
# must have gone before
again() { while "$@"; [ ! -e /tmp/enough ]; do :; done; }
enough() { touch /tmp/enough; }
capture() { # FILE, then tcpdump's own words: it listens when this returns; its process is $dump
    ip netns exec $2 tcpdump -Z root --immediate-mode -U -n -i eth0 -w $1 "${@:3}" 2> $1.err &
    dump=$!
    await "tcpdump in $2" grep -q 'listening on' $1.err; }
# what a node sent before this is in its capture when this returns: a question for an address that nobody has is the last of it
captured() { # FILE NODE
    ip netns exec $2 arping -q -D -c 1 -w $BOUND -I eth0 192.0.2.250 > /dev/null 2>&1 &
    local asks=$!
    await "the end of $1" holds $1 'arp host 192.0.2.250'
    kill $asks 2>/dev/null; }
# dropped NODE...: what each node's kernel has dropped, and why: for who looks for a packet that is missing
dropped() {
    local n
    for n in "$@"; do
        echo "$n:" $(ip netns exec $n cat /proc/net/xfrm_stat | awk '$2') \
            $(ip netns exec $n awk '$1 == "Udp:" { if (n++) print "udp InErrors " $4 " RcvbufErrors " $6 }' /proc/net/snmp) \
            $(ip -n $n -s link | awk '/RX:|TX:/ { way = $1; getline; if ($4) print way " dropped " $4 }');
    done
    echo "backlog:" $(awk '{ print $2 }' /proc/net/softnet_stat); }
holds() { tcpdump -Z root -n -r $1 "$2" 2>/dev/null | grep -q .; }
# ids of charon's IKE SAs that stand, the newest
newest_ike() { "$@" --list-sas 2>/dev/null | sed -n 's/^c: #\([0-9]*\), ESTABLISHED.*/\1/p' | sort -n | tail -1; }
newer_ike() { # ID, then how swanctl is called
    local now; now=$(newest_ike "${@:2}"); [ -n "$now" ] && [ "$now" != "$1" ]; }
# rekeys LOG COMMAND...: charon (called by the command) rekeys the child SA, the IKE SA and the child SA, each when the one
# before is done at both ends
rekeys() {
    local log=$1 kind had id; shift
    for kind in child ike child; do
        had=$(lines $log rekeyed) id=$(newest_ike "$@")
        await "charon rekeys the $kind" quiet "$@" --rekey --$kind c || return
        case $kind in
        child) await "rekeying of the child SA" lines_are $((had + 1)) $log rekeyed || return ;;
        ike) await "rekeying of the IKE SA" newer_ike "$id" "$@" || return ;;
        esac
    done; }
quiet() { "$@" > /dev/null 2>&1; }
