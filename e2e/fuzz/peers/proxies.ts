import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { WeftError } from '../../../core/errors.ts'
import { freePort } from '../../../core/testing/free-ports.ts'
import type { InstalledProgram } from '../../programs/debian.ts'
import { exchange, type PeerView } from './exchange.ts'
import { CLIENT_PORT, Origin } from './origin.ts'

export type ProxyName = 'nginx' | 'haproxy'

/** A proxy that runs on loopback and sends everything on to an origin of its own: clients of two may share a port. */
export class RunningProxy {
  readonly name: ProxyName
  readonly #port: number
  readonly #process: ChildProcess
  readonly #origin: Origin

  private constructor(name: ProxyName, port: number, process: ChildProcess, origin: Origin) {
    this.name = name
    this.#port = port
    this.#process = process
    this.#origin = origin
  }

  /** Starts it with its files in `folder`. Throws WeftError `fuzz.peer` where it does not come up. */
  static async start(name: ProxyName, program: InstalledProgram, folder: string): Promise<RunningProxy> {
    const origin = await Origin.open()
    const home = join(folder, name)
    mkdirSync(home, { recursive: true })
    const port = await freePort()
    const path = join(home, 'conf')
    writeFileSync(path, name === 'nginx' ? nginxText(port, origin.port) : haproxyText(port, origin.port))
    const args = name === 'nginx' ? ['-p', home, '-c', path] : ['-db', '-q', '-f', path]
    const [command, ...rest] = program.argv as [string, ...string[]]
    const child = spawn(command, [...rest, ...args], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env: { ...process.env, ...program.env },
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000)))
    child.on('error', (error) => (said += error.message))
    while (!(await accepts(port))) {
      if (child.exitCode === null && child.pid !== undefined) continue
      origin.close()
      throw new WeftError('fuzz.peer', `${name} did not start: ${said.trim().split('\n').at(-1)}`)
    }
    return new RunningProxy(name, port, child, origin)
  }

  /** Sends `stream` on a connection of its own; `fin`: ends our side behind it. */
  send(stream: Buffer, fin = false): Promise<PeerView> {
    return exchange(this.#port, stream, this.#origin, fin)
  }

  /** What its origin could not make sense of since the last call. */
  oddities(): string[] {
    return this.#origin.oddities.splice(0)
  }

  async stop(): Promise<void> {
    this.#origin.close()
    if (this.#process.exitCode !== null) return
    this.#process.kill('SIGTERM')
    await once(this.#process, 'exit')
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' })
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    // The next turn of the loop, so that an exit is heard too.
    socket.on('error', () => setImmediate(resolve, false))
  })
}

/** As open as nginx gets: names that it would drop pass, and nothing is rewritten. */
function nginxText(port: number, origin: number): string {
  return `daemon off;
worker_processes 1;
pid nginx.pid;
error_log stderr emerg;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  client_max_body_size 0;
  client_body_buffer_size 256k;
  large_client_header_buffers 8 64k;
  keepalive_requests 1000000;
  underscores_in_headers on;
  ignore_invalid_headers off;
  merge_slashes off;
  upstream origin {
    server 127.0.0.1:${origin} max_fails=0;
    keepalive 256;
    keepalive_requests 100000000;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location / {
      proxy_pass http://origin;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $http_host;
      proxy_set_header ${CLIENT_PORT} $remote_port;
      proxy_next_upstream off;
      proxy_ignore_client_abort on;
    }
  }
}
`
}

function haproxyText(port: number, origin: number): string {
  return `global
  nbthread 1
  maxconn 4096
  tune.bufsize 65536
defaults
  mode http
  timeout connect 60s
  timeout client 600s
  timeout server 600s
  timeout http-request 600s
  timeout http-keep-alive 600s
  http-reuse always
  retries 0
listen front
  bind 127.0.0.1:${port} backlog 4096
  http-request set-header ${CLIENT_PORT} %[src_port]
  server origin 127.0.0.1:${origin}
`
}
