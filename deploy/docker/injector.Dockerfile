# npm run build && docker build -f deploy/docker/injector.Dockerfile -t weft-injector:VERSION .
# docs/install.md says how images are built, signed and described.
# The Node.js that the project is tested with; give it with its digest: --build-arg NODE_IMAGE=node@sha256:...
ARG NODE_IMAGE=node:26.12.1-trixie-slim
FROM ${NODE_IMAGE} AS files
COPY deploy/docker/closure.sh /
RUN sh /closure.sh /root-files /usr/local/bin/node

FROM scratch
COPY --from=files /root-files /
COPY dist/injector /weft/injector
USER 65532:65532
EXPOSE 15017
ENTRYPOINT ["/usr/local/bin/node", "/weft/injector/main.mjs"]
