# npm run build && docker build -f deploy/docker/cni.Dockerfile -t weft-cni:VERSION .
# docs/install.md says how images are built, signed and described.
# The Node.js that the project is tested with; give it with its digest: --build-arg NODE_IMAGE=node@sha256:...
ARG NODE_IMAGE=node:26.12.1-trixie-slim
FROM ${NODE_IMAGE} AS files
COPY deploy/docker/closure.sh /
RUN apt-get update && apt-get install --yes --no-install-recommends iptables util-linux
# Copied to nodes, with the libraries, so that they need none. Both backends: which one a node has is seen when the rules are set. Extensions are loaded by name, from a directory.
RUN sh /closure.sh /root-files /usr/local/bin/node /usr/bin/nsenter \
    /usr/sbin/iptables /usr/sbin/iptables-save /usr/sbin/iptables-restore \
    /usr/sbin/ip6tables /usr/sbin/ip6tables-save /usr/sbin/ip6tables-restore \
    /usr/sbin/iptables-nft /usr/sbin/iptables-nft-save /usr/sbin/iptables-nft-restore \
    /usr/sbin/ip6tables-nft /usr/sbin/ip6tables-nft-save /usr/sbin/ip6tables-nft-restore \
    /usr/sbin/iptables-legacy /usr/sbin/iptables-legacy-save /usr/sbin/iptables-legacy-restore \
    /usr/sbin/ip6tables-legacy /usr/sbin/ip6tables-legacy-save /usr/sbin/ip6tables-legacy-restore \
    /usr/lib/*-linux-gnu/xtables

FROM scratch
# What is known only where it is built: --build-arg VERSION=... REVISION=$(git rev-parse HEAD) SOURCE=https://...
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="weft-cni"
LABEL org.opencontainers.image.description="Keeps the CNI plugin of the service mesh Weft on a node, which leads the traffic of its pods through their sidecars"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.revision="$REVISION"
LABEL org.opencontainers.image.source="$SOURCE"
COPY --from=files /root-files /
COPY dist/cni /weft/cni
# It writes to folders of the node that are root's; runtimes then call the program there.
USER 0:0
ENTRYPOINT ["/usr/local/bin/node", "/weft/cni/main.mjs"]
