# syntax=docker/dockerfile:1

# Node is only needed to run wasm-opt, which npm's binaryen brings.
FROM node:20-bookworm-slim AS node

FROM rust:1.95-bookworm AS build
COPY --from=node /usr/local/bin/node /usr/local/bin/
COPY --from=node /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm
WORKDIR /src
ENV TRIMTAB_CACHE=/opt/trimtab CARGO_TARGET_DIR=/opt/target
# The tools, in a layer that only a new version of one of them builds again. Cargo.lock names one, so it is looked at
# for that alone: a change of another dependency costs a minute here.
COPY tools/env.sh tools/setup.sh tools/
COPY Cargo.lock ./
RUN tools/setup.sh run
COPY . .
# The target folder is a cache of the builder and not part of a layer: build.sh puts what counts into /src/target/app.
RUN --mount=type=cache,target=/opt/target \
    --mount=type=cache,target=/usr/local/cargo/registry \
    tools/build.sh

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /data --shell /usr/sbin/nologin trimtab \
    && install -d -o trimtab -g trimtab -m 0700 /data
COPY --from=build /src/target/app /app
COPY LICENSE /app/
ENV PATH=/app:$PATH \
    TRIMTAB_DATA_DIR=/data \
    TRIMTAB_LISTEN=0.0.0.0:3000
USER trimtab
WORKDIR /data
VOLUME /data
EXPOSE 3000
# SIGTERM drains for up to 25 s: stop it with a longer grace period than Docker's ten seconds.
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s --retries=3 CMD ["trimtab", "healthcheck"]
ENTRYPOINT ["trimtab"]
CMD ["serve"]
