#!/bin/sh
# closure.sh ROOT FILE...: copies files of this machine into ROOT, each where it is here, with the libraries that it is
# linked with and what its symbolic links lead to. Of a directory, all that is in it. Nothing else comes along: no shell,
# no package manager.
set -eu
root=$1
shift

copy() {
  [ -e "$root$1" ] || [ -L "$root$1" ] || {
    mkdir -p "$root$(dirname "$1")"
    cp -p "$1" "$root$1"
  }
}

# What `$1` is in the end. It is a link to that under the name given, and where its directory really is: a program may
# look for it in either.
resolved() {
  target=$(readlink -f "$1")
  for name in "$1" "$(readlink -f "$(dirname "$1")")/$(basename "$1")"; do
    if [ "$target" != "$name" ] && [ ! -e "$root$name" ] && [ ! -L "$root$name" ]; then
      mkdir -p "$root$(dirname "$name")"
      ln -s "$target" "$root$name"
    fi
  done
  echo "$target"
}

for given; do
  [ -e "$given" ] || { echo "closure.sh: there is no $given" >&2; exit 1; }
  find "$given" \( -type f -o -type l \) | while read -r file; do
    real=$(resolved "$file")
    copy "$real"
    # ldd fails for what is not linked; the dynamic linker itself is named with its path alone.
    { ldd "$real" 2>/dev/null || true; } | sed -n 's/^[^/]*\(\/[^ ]*\) (0x.*$/\1/p' | while read -r library; do
      copy "$(resolved "$library")"
    done
  done
done

mkdir -p "$root/etc" "$root/tmp"
chmod 1777 "$root/tmp"
cat >"$root/etc/passwd" <<'EOF'
root:x:0:0:root:/:/sbin/nologin
weft-proxy:x:1337:1337:weft-proxy:/:/sbin/nologin
nonroot:x:65532:65532:nonroot:/:/sbin/nologin
EOF
cat >"$root/etc/group" <<'EOF'
root:x:0:
weft-proxy:x:1337:
nonroot:x:65532:
EOF
cat >"$root/etc/nsswitch.conf" <<'EOF'
hosts: files dns
EOF
