# Node only runs the tools that bundle and minify the site (tools/site.mjs, wasm-opt).
FROM node:20-bookworm-slim AS node

FROM rust:1.95-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
ENV TRIMTAB_CACHE=/opt/trimtab CARGO_TARGET_DIR=/opt/target
# The tools are in a layer of their own, which is rebuilt only for new versions of them.
COPY tools/env.sh tools/setup.sh tools/
COPY src/islands/editor/package.json src/islands/editor/package-lock.json src/islands/editor/
RUN tools/setup.sh run
COPY . .
# The target folder is a cache of the builder and not part of a layer. build.sh copies the result to /src/target/app.
# Cargo compares the times of files. The sources can be older than an earlier build of another clone, and Cargo would
# use that build. Therefore all files are touched. strip removes 35 MB of function names.
RUN --mount=type=cache,id=trimtab-target,target=/opt/target \
    --mount=type=cache,target=/usr/local/cargo/registry \
    find . -type f -exec touch {} + \
    && tools/build.sh \
    && strip target/app/trimtab

FROM debian:bookworm-slim
LABEL org.opencontainers.image.title="Trimtab" \
      org.opencontainers.image.description="A distributed configuration center with a web console" \
      org.opencontainers.image.source="https://github.com/trimtab/trimtab" \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 trimtab \
    && useradd --uid 10001 --gid trimtab --no-log-init --home-dir /data --shell /usr/sbin/nologin trimtab \
    && install -d -o trimtab -g trimtab -m 0700 /data
COPY LICENSE /app/
COPY --from=build /src/target/app /app
ENV PATH=/app:$PATH \
    TRIMTAB_DATA_DIR=/data \
    TRIMTAB_LISTEN=0.0.0.0:3000
# As numbers, so that Kubernetes can verify runAsNonRoot.
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 3000
# `trimtab healthcheck` has its own timeout of three seconds and prints the reason, so Docker waits longer.
HEALTHCHECK --interval=10s --timeout=5s --start-period=20s --retries=3 CMD ["trimtab", "healthcheck"]
ENTRYPOINT ["trimtab"]
CMD ["serve"]
