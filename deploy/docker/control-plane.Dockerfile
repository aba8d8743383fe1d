# npm run build && docker build -f deploy/docker/control-plane.Dockerfile -t weft-control-plane:VERSION .
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
LABEL org.opencontainers.image.title="weft-control-plane"
LABEL org.opencontainers.image.description="Control plane of the service mesh Weft: discovery, signing, dashboard"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.revision="$REVISION"
LABEL org.opencontainers.image.source="$SOURCE"
COPY --from=files /root-files /
COPY dist/dashboard /weft/dashboard
COPY dist/control-plane /weft/control-plane
USER 65532:65532
EXPOSE 15012 15080
ENTRYPOINT ["/usr/local/bin/node", "--max-semi-space-size=4", "--heap-growing-percent=50", "/weft/control-plane/main.mjs"]
