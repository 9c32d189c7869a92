#!/usr/bin/env bash
# down.sh -- stop what up.sh started, by its pid files only, and clean up its
# containers, mounts, network namespaces, links and firewall rules.
#
#   ./down.sh STATE_DIR [--purge]      --purge also removes the state dir
#
# Safe to run twice.  Never kills by name.
set -uo pipefail
CACHE=${SLUICE_BED:-$HOME/.cache/sluice-bed}
export PATH=$CACHE/bin:$PATH:/usr/sbin:/sbin
[ $# -ge 1 ] && [ -d "$1" ] || { echo "usage: down.sh STATE_DIR [--purge]" >&2; exit 2; }
S=$(cd "$1" && pwd); purge=${2:-}
[ -d "$S/pid" ] || { echo "down.sh: $S is not a state dir of up.sh" >&2; exit 2; }

alive() { [ -f "$S/pid/$1" ] && kill -0 "$(cat "$S/pid/$1")" 2>/dev/null; }
# stop NAME [SECONDS] -- TERM, wait, KILL.  A pid is ours only if its command
# line still mentions the state dir or the program's name.
stop() {
  local n=$1 t=${2:-10} p i
  [ -f "$S/pid/$n" ] || return 0
  p=$(cat "$S/pid/$n")
  if kill -0 "$p" 2>/dev/null && tr '\0' ' ' < "/proc/$p/cmdline" | grep -qF -e "$S" -e "$n"; then
    kill "$p" 2>/dev/null
    for ((i = 0; i < t * 10; i++)); do kill -0 "$p" 2>/dev/null || break; sleep 0.1; done
    kill -0 "$p" 2>/dev/null && kill -9 "$p" 2>/dev/null
  fi
  rm -f "$S/pid/$n"
}
term() { local n p; for n in "$@"; do alive "$n" && kill "$(cat "$S/pid/$n")" 2>/dev/null; done; }
term kubelet kube-proxy coredns netpol   # at once; each stop below then only waits
stop kubelet; stop kube-proxy; stop coredns; stop netpol

# Containers: through ctr (task kill, container rm) while containerd still runs.
A=$S/run/containerd.sock
if alive containerd; then
  C() { timeout 20 ctr -a "$A" -n k8s.io "$@"; }
  for i in $(C tasks ls -q 2>/dev/null); do C tasks kill -s SIGKILL "$i" >/dev/null 2>&1; done
  sleep 0.3
  for i in $(C tasks ls -q 2>/dev/null); do C tasks rm -f "$i" >/dev/null 2>&1; done
  for i in $(C containers ls -q 2>/dev/null); do
    C containers rm "$i" >/dev/null 2>&1; rm -f "/var/lib/cni/results/cni-loopback-$i-lo"
  done
  stop containerd
fi
# Shims outlive containerd; each carries our socket path as its -address.
for f in /proc/[0-9]*/comm; do
  case $(cat "$f" 2>/dev/null) in containerd-shim*) ;; *) continue ;; esac
  p=${f#/proc/}; p=${p%/comm}
  { tr '\0' '\n' < "/proc/$p/cmdline"; } 2>/dev/null | grep -qxF -e "$A" || continue
  kill "$p" 2>/dev/null; sleep 0.1; kill -9 "$p" 2>/dev/null
done
# Container processes still there (containerd had died): everything in the
# kubelet's own cgroups, which only exist if this bed's kubelet made them.
if [ -f "$S/conf/kubelet.yaml" ] && [ "$(cat /run/sluice-bed-node 2>/dev/null)" = "$S" ]; then
  find /sys/fs/cgroup -path '*/kubepods*' -name cgroup.procs -exec cat {} + 2>/dev/null | sort -u | while read -r p; do kill -9 "$p" 2>/dev/null; done
fi
term kube-scheduler kube-controller-manager
# The API server drains its connections for some seconds: its clients go first.
stop kube-scheduler; stop kube-controller-manager; stop kube-apiserver 3; stop etcd 3

# Mounts below the state dir, deepest first.
awk -v s="$S/" 'index($5, s) == 1 {print $5}' /proc/self/mountinfo | sort -r | while read -r m; do umount -l "$m" 2>/dev/null; done

# netpol cleans up after itself; this is for one that was killed.
if [ -f "$S/netpol.kubeconfig" ] && iptables -w -S KUBE-ROUTER-FORWARD >/dev/null 2>&1; then netpol --cleanup >/dev/null 2>&1; fi
# Rules and chains of kube-proxy (all are named KUBE-*), and of CNI's portmap when
# no other CNI network on this machine uses it.  Not `kube-proxy --cleanup`: it
# fails once netpol's table restore has doubled the jumps.
if [ -f "$S/conf/kube-proxy.yaml" ]; then
  for t in iptables ip6tables; do
    r=$($t-save 2>/dev/null) || continue
    x='KUBE-'
    # No `| grep -q`: it ends at the first match, and pipefail takes what feeds it for failed.
    [ -n "$(grep 'dnat name: ' <<< "$r" | grep -v 'dnat name: "bed"')" ] || x='KUBE-|CNI-HOSTPORT-|CNI-DN-'
    if grep -qE -e "$x" <<< "$r"; then grep -vE -e "$x" <<< "$r" | $t-restore -w 5; fi
  done
fi
if [ -f "$S/conf/kubelet.yaml" ] || [ -f "$S/conf/ip_forward" ]; then
  # Pod network namespaces that CNI made (named cni-*), only those on our bridge.
  ip -o link show master bed-cni0 2>/dev/null | sed -n 's/.*link-netns \([^ ]*\).*/\1/p' | while read -r ns; do ip netns del "$ns" 2>/dev/null; done
  while iptables -w -D FORWARD -i bed-cni0 ! -o bed-cni0 -j DROP 2>/dev/null; do :; done
  ip link del bed-cni0 2>/dev/null; ip link del bed-node0 2>/dev/null
  [ -f "$S/conf/ip_forward" ] && cat "$S/conf/ip_forward" > /proc/sys/net/ipv4/ip_forward
  rm -f "$S/conf/ip_forward"
  [ "$(cat /run/sluice-bed-node 2>/dev/null)" != "$S" ] || rm -f /run/sluice-bed-node
  # Names that the kubelet and CNI hard-code outside the state dir: dangling log
  # links, and the CNI result cache of our network ("bed").
  find /var/log/containers -maxdepth 1 -lname "$S/*" -delete 2>/dev/null
  rm -f /var/lib/cni/results/bed-*
  # Kubelet's cgroups (empty by now), depth first.
  for c in /sys/fs/cgroup/*/kubepods; do [ -d "$c" ] && find "$c" -depth -type d -exec rmdir {} \; 2>/dev/null; done
fi
[ "$purge" = --purge ] && rm -rf "$S"
exit 0
