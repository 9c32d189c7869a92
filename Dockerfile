# One image for the operator and the workers. Node runs the TypeScript sources as they are, so nothing is built:
# the image is Node, the libraries it links to, the production dependencies and the sources. There is no shell, no
# package manager and nothing that runs as root.

FROM node:24-bookworm-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-bookworm-slim AS runtime
RUN mkdir -p /root-fs/etc /root-fs/tmp \
 && for file in /usr/local/bin/node $(ldd /usr/local/bin/node | grep -o '/[^ )]*'); do \
      cp --parents --dereference "$file" /root-fs; \
    done \
 && echo 'sluice:x:65532:65532::/tmp:/sbin/nologin' > /root-fs/etc/passwd \
 && echo 'sluice:x:65532:' > /root-fs/etc/group \
 && chmod 1777 /root-fs/tmp

FROM scratch
COPY --from=runtime /root-fs /
COPY --from=dependencies /app/node_modules /app/node_modules
COPY . /app
WORKDIR /app
USER 65532:65532
# Column buffers are large and short-lived: given back to the kernel when freed, they do not pile up in the C
# library's arenas (a worker of two lanes peaks about 100 MiB lower).
ENV NODE_ENV=production MALLOC_ARENA_MAX=2 MALLOC_MMAP_THRESHOLD_=262144
# /status, /metrics, /healthz and /readyz of a worker.
EXPOSE 9464
ENTRYPOINT ["/usr/local/bin/node", "/app/cli/main.ts"]
CMD ["help"]
