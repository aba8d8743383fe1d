# npm run build && docker build -f deploy/docker/injector.Dockerfile -t weft-injector:VERSION .
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
LABEL org.opencontainers.image.title="weft-injector"
LABEL org.opencontainers.image.description="Admission webhook of the service mesh Weft: adds sidecars to pods"
LABEL org.opencontainers.image.licenses="Apache-2.0"
LABEL org.opencontainers.image.version="$VERSION"
LABEL org.opencontainers.image.revision="$REVISION"
LABEL org.opencontainers.image.source="$SOURCE"
COPY --from=files /root-files /
COPY dist/injector /weft/injector
USER 65532:65532
EXPOSE 15017
ENTRYPOINT ["/usr/local/bin/node", "/weft/injector/main.mjs"]
