# npm run build && docker build -f deploy/docker/proxy.Dockerfile -t weft-proxy:VERSION .
# docs/install.md says how images are built, signed and described.
# The Node.js that the project is tested with; give it with its digest: --build-arg NODE_IMAGE=node@sha256:...
ARG NODE_IMAGE=node:26.12.1-trixie-slim
FROM ${NODE_IMAGE} AS files
COPY deploy/docker/closure.sh /
RUN sh /closure.sh /root-files /usr/local/bin/node

FROM scratch
# What is known only where it is built: --build-arg VERSION=... REVISION=$(git rev-parse HEAD) SOURCE=https://...
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.title="weft-proxy"
LABEL org.opencontainers.image.description="Sidecar proxy of the service mesh Weft"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.revision="$REVISION"
LABEL org.opencontainers.image.source="$SOURCE"
COPY --from=files /root-files /
COPY dist/proxy /weft/proxy
USER 1337:1337
EXPOSE 15001 15006 15021 15090
# Environment and flags are those of cli/bundle.ts.
ENV MALLOC_ARENA_MAX=2
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=4", "--expose-gc", "/weft/proxy/main.mjs"]
