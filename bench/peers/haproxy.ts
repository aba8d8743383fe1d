import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { InstalledProgram } from '../../e2e/programs/debian.ts'
import { SERVER_NAME, type CertificateFiles, type Peer, type Plan } from './peer.ts'

/** haproxy with one thread; between the two of a pair HTTP/1.1 with shared connections, gRPC over HTTP/2. */
export function haproxy(program: InstalledProgram): Peer {
  const [command, ...rest] = program.argv as [string, ...string[]]
  return {
    name: 'haproxy',
    version() {
      const text = execFileSync(command, [...rest, '-v'], {
        encoding: 'utf8',
        env: { ...process.env, ...program.env },
      })
      return /version (\S+)/.exec(text)?.[1] ?? 'unknown'
    },
    processes: (plan) =>
      sidecars(plan).map((text, i) => {
        const path = join(plan.folder, `haproxy-${i}.cfg`)
        writeFileSync(path, text)
        return {
          port: i === 0 ? plan.ports.front : plan.ports.inner,
          argv: [...program.argv, '-db', '-q', '-f', path],
          env: program.env,
        }
      }),
  }
}

function sidecars({ topology, ports, certificates, folder }: Plan): string[] {
  const mode = topology === 'tcp-pair' ? 'tcp' : 'http'
  if (topology === 'plain') return [sidecar(mode, `${ports.front}`, `${ports.origin}`)]
  const grpc = topology === 'grpc-pair'
  const bundle = (name: string, certificate: string, key: string): string => {
    const path = join(folder, `${name}.pem`)
    writeFileSync(path, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'), { mode: 0o600 })
    return path
  }
  const files: CertificateFiles = certificates
  const client = bundle('client', files.client, files.clientKey)
  const server = bundle('server', files.server, files.serverKey)
  const toInner =
    `${ports.inner} ssl crt ${client} ca-file ${files.roots} verify required verifyhost ${SERVER_NAME} ` +
    `sni str(${SERVER_NAME}) ssl-min-ver TLSv1.3 no-ssl-reuse${grpc ? ' alpn h2' : ''}`
  const inner =
    `${ports.inner} ssl crt ${server} ca-file ${files.roots} verify required ssl-min-ver TLSv1.3 ` +
    `no-tls-tickets${grpc ? ' alpn h2' : ''}`
  return [
    sidecar(mode, `${ports.front}${grpc ? ' proto h2' : ''}`, toInner),
    sidecar(mode, inner, `${ports.origin}${grpc ? ' proto h2' : ''}`),
  ]
}

function sidecar(mode: 'http' | 'tcp', bind: string, server: string): string {
  return `global
  nbthread 1
  maxconn 8192
  tune.ssl.default-dh-param 2048
defaults
  mode ${mode}
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout http-keep-alive 600s
${mode === 'http' ? '  http-reuse always\n' : ''}listen front
  bind 127.0.0.1:${bind}
  server upstream 127.0.0.1:${server}
`
}
