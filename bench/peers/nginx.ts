import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { InstalledProgram } from '../../e2e/programs/debian.ts'
import { SERVER_NAME, type CertificateFiles, type Peer, type Plan, type ProxyProcess } from './peer.ts'

/** nginx with one worker, keep-alive to its upstreams, and no access log. */
export function nginx(program: InstalledProgram): Peer {
  return {
    name: 'nginx',
    version() {
      const [command, ...rest] = program.argv as [string, ...string[]]
      // It tells its version on standard error.
      const text = execFileSync('/bin/sh', ['-c', '"$@" 2>&1', 'sh', command, ...rest, '-v'], {
        encoding: 'utf8',
        env: { ...process.env, ...program.env },
      })
      return /nginx\/(\S+)/.exec(text)?.[1] ?? 'unknown'
    },
    processes: (plan) => sidecars(plan, program).map((text, i) => write(program, plan, i, text)),
  }
}

function write(program: InstalledProgram, plan: Plan, i: number, text: string): ProxyProcess {
  const prefix = join(plan.folder, `nginx-${i}`)
  mkdirSync(prefix, { recursive: true })
  const path = join(prefix, 'nginx.conf')
  writeFileSync(path, text)
  return {
    port: i === 0 ? plan.ports.front : plan.ports.inner,
    argv: [...program.argv, '-p', prefix, '-c', path],
    env: program.env,
  }
}

function sidecars({ topology, ports, certificates }: Plan, program: InstalledProgram): string[] {
  if (topology === 'plain')
    return [http(`listen 127.0.0.1:${ports.front}`, '', proxyTo('http', ports.origin))]
  if (topology === 'tcp-pair') {
    const module = `load_module ${program.root}/usr/lib/nginx/modules/ngx_stream_module.so;\n`
    const secure = `${callerTls('proxy', certificates)}    proxy_ssl on;\n`
    return [
      module + stream(`listen 127.0.0.1:${ports.front}`, ports.inner, secure),
      module + stream(`listen 127.0.0.1:${ports.inner} ssl`, ports.origin, serverTls(certificates)),
    ]
  }
  if (topology === 'grpc-pair')
    return [
      http(
        `listen 127.0.0.1:${ports.front} http2`,
        callerTls('grpc', certificates),
        grpcTo('grpcs', ports.inner),
      ),
      http(
        `listen 127.0.0.1:${ports.inner} ssl http2`,
        serverTls(certificates),
        grpcTo('grpc', ports.origin),
      ),
    ]
  return [
    http(`listen 127.0.0.1:${ports.front}`, callerTls('proxy', certificates), proxyTo('https', ports.inner)),
    http(`listen 127.0.0.1:${ports.inner} ssl`, serverTls(certificates), proxyTo('http', ports.origin)),
  ]
}

interface Forward {
  readonly port: number
  readonly directives: string
}

function proxyTo(scheme: string, port: number): Forward {
  return {
    port,
    directives: `proxy_pass ${scheme}://upstream;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host;
      proxy_max_temp_file_size 0;`,
  }
}

function grpcTo(scheme: string, port: number): Forward {
  return { port, directives: `grpc_pass ${scheme}://upstream;` }
}

const MAIN = `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr error;
worker_rlimit_nofile 16384;
events { worker_connections 8192; }
`

function http(listen: string, tls: string, forward: Forward): string {
  return `${MAIN}http {
  access_log off;
  tcp_nodelay on;
  keepalive_requests 1000000000;
  keepalive_timeout 600s;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream upstream {
    server 127.0.0.1:${forward.port};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    ${listen} backlog=4096;
${tls}
    location / {
      ${forward.directives}
    }
  }
}
`
}

function stream(listen: string, port: number, tls: string): string {
  return `${MAIN}stream {
  upstream upstream { server 127.0.0.1:${port}; }
  server {
    ${listen} backlog=4096;
    tcp_nodelay on;
    proxy_timeout 600s;
${tls}    proxy_pass upstream;
  }
}
`
}

function callerTls(prefix: 'proxy' | 'grpc', files: CertificateFiles): string {
  return `    ${prefix}_ssl_certificate ${files.client};
    ${prefix}_ssl_certificate_key ${files.clientKey};
    ${prefix}_ssl_trusted_certificate ${files.roots};
    ${prefix}_ssl_verify on;
    ${prefix}_ssl_verify_depth 3;
    ${prefix}_ssl_name ${SERVER_NAME};
    ${prefix}_ssl_server_name on;
    ${prefix}_ssl_session_reuse off;
    ${prefix}_ssl_protocols TLSv1.3;
`
}

function serverTls(files: CertificateFiles): string {
  return `    ssl_certificate ${files.server};
    ssl_certificate_key ${files.serverKey};
    ssl_client_certificate ${files.roots};
    ssl_verify_client on;
    ssl_verify_depth 3;
    ssl_session_tickets off;
    ssl_protocols TLSv1.3;
`
}
