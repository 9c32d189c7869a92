#!/usr/bin/env bash
# up.sh -- start a real Kubernetes control plane, and with --node a real node
# (containerd + runc + kubelet + kube-proxy), on this machine; wait until ready.
#
#   ./up.sh STATE_DIR [--node] [--dns] [--netpol]
#
# STATE_DIR   everything it writes goes here, but for a few fixed paths that
#             containerd and the kubelet insist on: /run/containerd,
#             /var/lib/kubelet/device-plugins, /var/log/containers,
#             /var/lib/cni/results.  Running up.sh again on a live state dir keeps
#             what runs and starts what is missing.
# --node      also a node.  Needs root.  Without it nothing needs root.
# --dns       also CoreDNS (a host process on the node address, port 53).
# --netpol    also a NetworkPolicy controller (kube-router's, iptables + ipset).
#
# Afterwards:  export KUBECONFIG=STATE_DIR/admin.kubeconfig PATH=$BIN:$PATH
#              or: . STATE_DIR/env
#
# Addresses.  Without --node the API server listens on 127.0.0.1 only.  With
# --node, pods in their own network namespaces must reach it, so it listens on
# NODE_IP, an address on a private bridge without ports ("bed-node0"); pods are
# on a second private bridge ("bed-cni0").  A firewall rule drops whatever a pod
# sends elsewhere than to this machine.  etcd, scheduler and controller manager
# are on 127.0.0.1 in both cases.
#
# Environment: SLUICE_BED, NODE_IP (10.250.0.1), POD_NET (10.251.0: a /24),
#              SVC_NET (10.252.0: a /24), EXTRA_APISERVER_ARGS, EXTRA_KCM_ARGS,
#              EXTRA_KUBELET_ARGS
set -euo pipefail
CACHE=${SLUICE_BED:-$HOME/.cache/sluice-bed}
BIN=$CACHE/bin
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
NODE_IP=${NODE_IP:-10.250.0.1} POD_NET=${POD_NET:-10.251.0} SVC_NET=${SVC_NET:-10.252.0}
NODE_NAME=${NODE_NAME:-bed-node}

[ $# -ge 1 ] || { sed -n '2,30p' "$0"; exit 2; }
S=$1; shift
node=0 dns=0 netpol=0 api_was_away=0
while [ $# -gt 0 ]; do
  case $1 in
    --node) node=1 ;;
    --dns) dns=1 ;;
    --netpol) netpol=1 ;;
    *) echo "up.sh: unknown option $1" >&2; exit 2 ;;
  esac; shift
done
mkdir -p "$S"; S=$(cd "$S" && pwd)
mkdir -p "$S"/{pki,log,pid,conf}; chmod 700 "$S" "$S/pki"
export PATH=$BIN:$PATH:/usr/sbin:/sbin
# Nothing here may go through a proxy that the environment names.
export NO_PROXY="${NO_PROXY:+$NO_PROXY,}127.0.0.1,$NODE_IP,$POD_NET.0/24,$SVC_NET.0/24"
T0=$(date +%s.%N)
say() { printf '%6.1f s  %s\n' "$(echo "$(date +%s.%N) - $T0" | bc 2>/dev/null || python3 -c "import time;print(time.time()-$T0)")" "$*" >&2; }
die() { echo "up.sh: $*" >&2; exit 1; }

# --- ports -------------------------------------------------------------------
# Kept in STATE_DIR/conf/ports so a second run uses the same.
if [ ! -f "$S/conf/ports" ]; then
  python3 - > "$S/conf/ports" <<'PY'
import random, socket
names = "ETCD_PORT ETCD_PEER_PORT API_PORT KCM_PORT SCHED_PORT KUBELET_PORT KUBELET_HEALTH_PORT PROXY_HEALTH_PORT PROXY_METRICS_PORT DNS_HEALTH_PORT".split()
# Below the node ports of Kubernetes, which netpol lets through, and the range of outgoing connections; all held until
# all are found.
held = []
for name in names:
    while True:
        s, port = socket.socket(), random.randrange(15000, 30000)
        try:
            s.bind(("127.0.0.1", port))
            break
        except OSError:
            s.close()
    held.append(s)
    print(f"{name}={port}")
PY
fi
. "$S/conf/ports"
# The mode (address of the API server) is fixed by the first run too.
if [ ! -f "$S/conf/mode" ]; then
  if [ $node = 1 ]; then echo "API_IP=$NODE_IP" > "$S/conf/mode"; else echo API_IP=127.0.0.1 > "$S/conf/mode"; fi
fi
. "$S/conf/mode"
[ $node = 0 ] || [ "$API_IP" = "$NODE_IP" ] || die "$S was first started without --node; use another state dir"

# --- processes ---------------------------------------------------------------
alive() { [ -f "$S/pid/$1" ] && kill -0 "$(cat "$S/pid/$1")" 2>/dev/null; }
# start NAME COMMAND... -- a daemon in its own session, output to log/NAME.log.
start() {
  local n=$1; shift
  alive "$n" && return 0
  printf '%q ' "$@" > "$S/conf/$n.cmd"
  setsid "$@" >> "$S/log/$n.log" 2>&1 < /dev/null &
  echo $! > "$S/pid/$n"
}
# renew NAME -- ends it, for start to begin anew, where the API server was away: it would look again a minute and more later.
renew() {
  [ $api_was_away = 1 ] && alive "$1" || return 0
  kill "$(cat "$S/pid/$1")"
  while alive "$1"; do sleep 0.1; done
}
# wait_for SECONDS NAME COMMAND... -- until the command succeeds; NAME must live.
wait_for() {
  local t=$1 n=$2 end; shift 2; end=$((SECONDS + t))
  until "$@" >/dev/null 2>&1; do
    alive "$n" || { tail -n 15 "$S/log/$n.log" >&2; die "$n died; see $S/log/$n.log"; }
    [ $SECONDS -lt $end ] || { tail -n 15 "$S/log/$n.log" >&2; die "$n not ready after $t s; see $S/log/$n.log"; }
    sleep 0.2
  done
}

# --- network for the node (before the API server, which listens on NODE_IP) ---
if [ $node = 1 ]; then
  [ "$(id -u)" = 0 ] || die "--node needs root"
  # One node per machine: the bridges and kube-proxy's iptables chains are shared.
  if o=$(cat /run/sluice-bed-node 2>/dev/null) && [ "$o" != "$S" ] && kill -0 "$(cat "$o/pid/kubelet" 2>/dev/null)" 2>/dev/null; then
    die "a node already runs from $o (down.sh it first)"
  fi
  echo "$S" > /run/sluice-bed-node
  # A bridge without ports stands in for a dummy interface, a link type that not
  # every kernel has.  Its address is only reachable from this machine.
  ip link show bed-node0 >/dev/null 2>&1 || ip link add bed-node0 type bridge
  ip addr replace "$NODE_IP/32" dev bed-node0
  ip link set bed-node0 up
  # Pods must not talk past this machine.
  iptables -w -C FORWARD -i bed-cni0 ! -o bed-cni0 -j DROP 2>/dev/null ||
    iptables -w -I FORWARD -i bed-cni0 ! -o bed-cni0 -j DROP
  [ -f "$S/conf/ip_forward" ] || cat /proc/sys/net/ipv4/ip_forward > "$S/conf/ip_forward"
  echo 1 > /proc/sys/net/ipv4/ip_forward
fi

# --- certificates --------------------------------------------------------------
P=$S/pki
cert() { # cert NAME SUBJECT CA [SAN] -- one key and certificate signed by CA
  [ -f "$P/$1.crt" ] && return 0
  openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$P/$1.key" -subj "$2" -out "$P/$1.csr" 2>/dev/null
  printf 'basicConstraints=CA:FALSE\nkeyUsage=digitalSignature,keyEncipherment\nextendedKeyUsage=clientAuth,serverAuth\n%s\n' "${4:+subjectAltName=$4}" > "$P/$1.ext"
  openssl x509 -req -in "$P/$1.csr" -CA "$P/$3.crt" -CAkey "$P/$3.key" -CAcreateserial -days 365 -out "$P/$1.crt" -extfile "$P/$1.ext" 2>/dev/null
  rm -f "$P/$1.csr" "$P/$1.ext"
}
for ca in ca front-ca; do
  [ -f "$P/$ca.crt" ] || openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$P/$ca.key" -out "$P/$ca.crt" -days 365 -subj "/CN=bed-$ca" \
    -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign 2>/dev/null
done
cert apiserver /CN=kube-apiserver ca "DNS:localhost,DNS:kubernetes,DNS:kubernetes.default,DNS:kubernetes.default.svc,DNS:kubernetes.default.svc.cluster.local,IP:127.0.0.1,IP:$API_IP,IP:$SVC_NET.1"
cert admin /O=system:masters/CN=bed-admin ca
cert kcm /CN=system:kube-controller-manager ca
cert scheduler /CN=system:kube-scheduler ca
cert apiserver-kubelet /O=system:masters/CN=kube-apiserver-kubelet-client ca
cert front-proxy /CN=front-proxy-client front-ca
[ -f "$P/sa.key" ] || { openssl genrsa -out "$P/sa.key" 2048 2>/dev/null; openssl rsa -in "$P/sa.key" -pubout -out "$P/sa.pub" 2>/dev/null; }

kubeconfig() { # kubeconfig NAME CERT
  cat > "$S/$1.kubeconfig" <<Y
apiVersion: v1
kind: Config
clusters:
- name: bed
  cluster:
    server: https://$API_IP:$API_PORT
    certificate-authority-data: $(base64 -w0 < "$P/ca.crt")
users:
- name: $1
  user:
    client-certificate-data: $(base64 -w0 < "$P/$2.crt")
    client-key-data: $(base64 -w0 < "$P/$2.key")
contexts:
- name: bed
  context: {cluster: bed, user: $1}
current-context: bed
Y
  chmod 600 "$S/$1.kubeconfig"
}
kubeconfig admin admin; kubeconfig kcm kcm; kubeconfig scheduler scheduler
printf 'export NO_PROXY=%q\n' "$NO_PROXY" > "$S/env"
printf 'export KUBECONFIG=%q\nexport PATH=%q:$PATH\nexport NODE_IP=%q API_IP=%q API_PORT=%q\n' "$S/admin.kubeconfig" "$BIN" "$NODE_IP" "$API_IP" "$API_PORT" >> "$S/env"
K() { kubectl --kubeconfig "$S/admin.kubeconfig" "$@"; }
say "certificates"

# --- etcd ----------------------------------------------------------------------
# Plain HTTP on loopback; --unsafe-no-fsync because the data is thrown away.
start etcd etcd --name bed --data-dir "$S/etcd" --unsafe-no-fsync \
  --listen-client-urls "http://127.0.0.1:$ETCD_PORT" --advertise-client-urls "http://127.0.0.1:$ETCD_PORT" \
  --listen-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" --initial-advertise-peer-urls "http://127.0.0.1:$ETCD_PEER_PORT" \
  --initial-cluster "bed=http://127.0.0.1:$ETCD_PEER_PORT" --log-level warn
wait_for 30 etcd curl -fsS --noproxy '*' "http://127.0.0.1:$ETCD_PORT/health"
say "etcd"

# --- kube-apiserver --------------------------------------------------------------
# The endpoints of the "kubernetes" Service may not be loopback addresses, so
# without a node the endpoint reconciler is off.
adv=(--advertise-address "$API_IP"); [ "$API_IP" != 127.0.0.1 ] || adv=(--endpoint-reconciler-type=none)
alive kube-apiserver || api_was_away=1
# shellcheck disable=SC2086
start kube-apiserver kube-apiserver --bind-address "$API_IP" --secure-port "$API_PORT" "${adv[@]}" \
  --etcd-servers "http://127.0.0.1:$ETCD_PORT" --service-cluster-ip-range "$SVC_NET.0/24" \
  --client-ca-file "$P/ca.crt" --tls-cert-file "$P/apiserver.crt" --tls-private-key-file "$P/apiserver.key" \
  --authorization-mode Node,RBAC --enable-admission-plugins NodeRestriction --allow-privileged=true \
  --service-account-issuer https://kubernetes.default.svc.cluster.local \
  --service-account-key-file "$P/sa.pub" --service-account-signing-key-file "$P/sa.key" \
  --kubelet-client-certificate "$P/apiserver-kubelet.crt" --kubelet-client-key "$P/apiserver-kubelet.key" \
  --kubelet-certificate-authority "$P/ca.crt" --kubelet-preferred-address-types InternalIP \
  --requestheader-client-ca-file "$P/front-ca.crt" --requestheader-allowed-names front-proxy-client \
  --requestheader-extra-headers-prefix X-Remote-Extra- --requestheader-group-headers X-Remote-Group \
  --requestheader-username-headers X-Remote-User --proxy-client-cert-file "$P/front-proxy.crt" \
  --proxy-client-key-file "$P/front-proxy.key" --enable-aggregator-routing=true --profiling=false \
  ${EXTRA_APISERVER_ARGS:-}
wait_for 120 kube-apiserver K get --raw /readyz
say "kube-apiserver"

# --- controller manager and scheduler ---------------------------------------------
# Elsewhere they end when they lose their leases for want of an API server, and begin anew. Without leases they would go on
# with what they knew, look again after a minute and more, and keep EndpointSlices of before for as long.
renew kube-controller-manager
renew kube-scheduler
# shellcheck disable=SC2086
start kube-controller-manager kube-controller-manager --kubeconfig "$S/kcm.kubeconfig" \
  --bind-address 127.0.0.1 --secure-port "$KCM_PORT" --leader-elect=false --use-service-account-credentials \
  --authentication-kubeconfig "$S/kcm.kubeconfig" --authorization-kubeconfig "$S/kcm.kubeconfig" \
  --service-account-private-key-file "$P/sa.key" --root-ca-file "$P/ca.crt" \
  --cluster-signing-cert-file "$P/ca.crt" --cluster-signing-key-file "$P/ca.key" \
  --service-cluster-ip-range "$SVC_NET.0/24" --cluster-cidr "$POD_NET.0/24" --allocate-node-cidrs=false \
  --horizontal-pod-autoscaler-sync-period=3s ${EXTRA_KCM_ARGS:-}
start kube-scheduler kube-scheduler --kubeconfig "$S/scheduler.kubeconfig" \
  --authentication-kubeconfig "$S/scheduler.kubeconfig" --authorization-kubeconfig "$S/scheduler.kubeconfig" \
  --bind-address 127.0.0.1 --secure-port "$SCHED_PORT" --leader-elect=false
wait_for 60 kube-controller-manager curl -fsSk --noproxy '*' "https://127.0.0.1:$KCM_PORT/healthz"
wait_for 60 kube-scheduler curl -fsSk --noproxy '*' "https://127.0.0.1:$SCHED_PORT/healthz"
wait_for 60 kube-controller-manager K get serviceaccount default -n default
say "controller manager, scheduler, default service account"

# --- DNS ---------------------------------------------------------------------------
# A host process rather than a pod: no image, and port 53 only on NODE_IP.
if [ $dns = 1 ]; then
  [ $node = 1 ] || die "--dns needs --node"
  cert dns /CN=bed-dns ca; kubeconfig dns dns
  K apply -f - >/dev/null <<'Y'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: bed-dns}
rules:
- {apiGroups: [""], resources: [endpoints, services, pods, namespaces], verbs: [list, watch]}
- {apiGroups: [discovery.k8s.io], resources: [endpointslices], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bed-dns}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bed-dns}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: bed-dns}]
Y
  cat > "$S/conf/Corefile" <<Y
.:53 {
    bind $NODE_IP
    errors
    health $NODE_IP:$DNS_HEALTH_PORT
    kubernetes cluster.local in-addr.arpa {
        kubeconfig $S/dns.kubeconfig
        pods insecure
    }
    hosts {
        $NODE_IP host.bed.local
        fallthrough
    }
}
Y
  renew coredns
  start coredns coredns -conf "$S/conf/Corefile"
  wait_for 30 coredns curl -fsS --noproxy '*' "http://$NODE_IP:$DNS_HEALTH_PORT/health"
  say "coredns on $NODE_IP:53"
fi

[ $node = 1 ] || { say "ready: . $S/env"; exit 0; }

# --- containerd ----------------------------------------------------------------------
# restrict_oom_score_adj: a root without CAP_SYS_RESOURCE cannot lower a
# container's oom_score_adj below its parent's.
mkdir -p "$S/cni" "$S/run" "$S/containerd" "$S/kubelet"
CRI=$S/run/containerd.sock
cat > "$S/conf/containerd.toml" <<Y
version = 2
root = "$S/containerd"
state = "$S/run/containerd"
oom_score = 0
[grpc]
  address = "$CRI"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "bed.local/pause:1"
  restrict_oom_score_adj = true
  disable_hugetlb_controller = true
  disable_apparmor = true
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "$S/cni"
Y
# hairpinMode: a pod may reach itself through its Service.
cat > "$S/cni/10-bed.conflist" <<Y
{"cniVersion": "0.4.0", "name": "bed", "plugins": [
  {"type": "bridge", "bridge": "bed-cni0", "isDefaultGateway": true, "ipMasq": false, "hairpinMode": true,
   "ipam": {"type": "host-local", "dataDir": "$S/cni-state", "ranges": [[{"subnet": "$POD_NET.0/24"}]]}},
  {"type": "portmap", "capabilities": {"portMappings": true}}]}
Y
start containerd containerd --config "$S/conf/containerd.toml"
wait_for 30 containerd ctr -a "$CRI" plugins ls
for t in "$CACHE"/images/*.tar; do ctr -a "$CRI" -n k8s.io images import "$t" >/dev/null; done
printf 'export CONTAINERD_ADDRESS=%q CONTAINERD_NAMESPACE=k8s.io CONTAINER_RUNTIME_ENDPOINT=unix://%q\n' "$CRI" "$CRI" >> "$S/env"
say "containerd, images imported"

# --- kubelet ---------------------------------------------------------------------------
cert kubelet "/O=system:nodes/CN=system:node:$NODE_NAME" ca "DNS:$NODE_NAME,IP:$NODE_IP,IP:127.0.0.1"
kubeconfig kubelet kubelet
: > "$S/conf/resolv.conf"
# KubeletInUserNamespace makes the kubelet tolerate refused sysctls, rlimits and
# oom_score_adj writes (no CAP_SYS_RESOURCE).  cgroup v1 has to be allowed.
cat > "$S/conf/kubelet.yaml" <<Y
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
address: $NODE_IP
port: $KUBELET_PORT
healthzBindAddress: 127.0.0.1
healthzPort: $KUBELET_HEALTH_PORT
readOnlyPort: 0
authentication: {anonymous: {enabled: false}, webhook: {enabled: true}, x509: {clientCAFile: $P/ca.crt}}
authorization: {mode: Webhook}
tlsCertFile: $P/kubelet.crt
tlsPrivateKeyFile: $P/kubelet.key
containerRuntimeEndpoint: unix://$CRI
cgroupDriver: cgroupfs
failCgroupV1: false
failSwapOn: false
protectKernelDefaults: false
resolvConf: $S/conf/resolv.conf
clusterDomain: cluster.local
clusterDNS: [$NODE_IP]
evictionHard: {memory.available: 100Mi, nodefs.available: 1%, imagefs.available: 1%, nodefs.inodesFree: 1%}
imageGCHighThresholdPercent: 100
imageGCLowThresholdPercent: 99
maxPods: 200
# How often mounted Secrets are looked at again, among other things; a minute by default.
syncFrequency: 10s
podLogsDir: $S/pod-logs
makeIPTablesUtilChains: false
featureGates: {KubeletInUserNamespace: true, KubeletCrashLoopBackOffMax: true}
# A container that was killed starts again after so long at most; by default it is 10 s, and twice as long each time.
crashLoopBackOff: {maxContainerRestartPeriod: 2s}
Y
# A kubelet that found no API server for long looks for its own node a minute and more later, and until then does not
# contradict that it is lost; a new one does at once. Containers go on without it.
renew kubelet
# shellcheck disable=SC2086
start kubelet kubelet --config "$S/conf/kubelet.yaml" --kubeconfig "$S/kubelet.kubeconfig" \
  --root-dir "$S/kubelet" --cert-dir "$P" --hostname-override "$NODE_NAME" --node-ip "$NODE_IP" ${EXTRA_KUBELET_ARGS:-}
wait_for 60 kubelet curl -fsS --noproxy '*' "http://127.0.0.1:$KUBELET_HEALTH_PORT/healthz"
wait_for 150 kubelet K wait --for=condition=Ready "node/$NODE_NAME" --timeout=1s
say "kubelet, node Ready"

# --- kube-proxy --------------------------------------------------------------------------
cert kube-proxy /CN=system:kube-proxy ca; kubeconfig kube-proxy kube-proxy
# (kube-proxy exits when its configuration file is written while it runs.)
alive kube-proxy || cat > "$S/conf/kube-proxy.yaml" <<Y
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: iptables
bindAddress: $NODE_IP
healthzBindAddress: 127.0.0.1:$PROXY_HEALTH_PORT
metricsBindAddress: 127.0.0.1:$PROXY_METRICS_PORT
clientConnection: {kubeconfig: $S/kube-proxy.kubeconfig}
hostnameOverride: $NODE_NAME
clusterCIDR: $POD_NET.0/24
oomScoreAdj: 0
nodePortAddresses: ["$NODE_IP/32"]
iptables: {localhostNodePorts: false}
conntrack: {maxPerCore: 0, min: 0, tcpEstablishedTimeout: 0s, tcpCloseWaitTimeout: 0s}
Y
start kube-proxy kube-proxy --config "$S/conf/kube-proxy.yaml"
wait_for 30 kube-proxy curl -fsS --noproxy '*' "http://127.0.0.1:$PROXY_HEALTH_PORT/healthz"
say "kube-proxy"

# --- NetworkPolicy -------------------------------------------------------------------------
# Pod-to-pod traffic crosses the bridge, so the bridge must hand it to iptables.
if [ $netpol = 1 ]; then
  cert netpol /CN=bed-netpol ca; kubeconfig netpol netpol
  K apply -f - >/dev/null <<'Y'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: bed-netpol}
rules:
- {apiGroups: [""], resources: [namespaces, pods, nodes], verbs: [get, list, watch]}
- {apiGroups: [networking.k8s.io], resources: [networkpolicies], verbs: [list, watch]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: bed-netpol}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: bed-netpol}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: bed-netpol}]
Y
  [ "$(cat /proc/sys/net/bridge/bridge-nf-call-iptables 2>/dev/null)" = 1 ] || echo 1 > /proc/sys/net/bridge/bridge-nf-call-iptables
  start netpol netpol --kubeconfig "$S/netpol.kubeconfig" --node "$NODE_NAME" --service-cidr "$SVC_NET.0/24"
  wait_for 30 netpol iptables -w -S KUBE-ROUTER-FORWARD
  say "netpol"
fi

say "ready: . $S/env"
