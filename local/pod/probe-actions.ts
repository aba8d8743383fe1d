import { connect } from 'node:net'
import { credentials, makeGenericClientConstructor } from '@grpc/grpc-js'
import { httpProbe } from '../../core/http-probe.ts'
import type { Action } from '../manifest/pod-spec.ts'
import type { CommandResult } from '../node/run-command.ts'

export interface ProbeTarget {
  readonly ip: string
  /** The number of a named port, or undefined. */
  port(reference: number | string): number | undefined
  exec(command: readonly string[], timeoutMs: number): Promise<CommandResult>
}

/** What the kubelet of this Kubernetes version calls itself; applications look for it. */
const PROBE_USER_AGENT = 'kube-probe/1.35'

/**
 * Does it once, connecting and all within `timeoutMs`. Undefined when it succeeded, otherwise the reason in a few words.
 * Never rejects.
 */
export async function perform(
  action: Action,
  target: ProbeTarget,
  timeoutMs: number,
): Promise<string | undefined> {
  const ending = new AbortController()
  const late = Promise.withResolvers<string>()
  const timer = setTimeout(() => {
    late.resolve(`no answer within ${timeoutMs} ms`)
    ending.abort()
  }, timeoutMs)
  const attempted = attempt(action, target, timeoutMs, ending.signal).catch((error: unknown) =>
    error instanceof Error ? error.message : String(error),
  )
  try {
    return await Promise.race([late.promise, attempted])
  } finally {
    clearTimeout(timer)
  }
}

async function attempt(
  action: Action,
  target: ProbeTarget,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  switch (action.type) {
    case 'exec': {
      const { code } = await target.exec(action.command, timeoutMs)
      return code === 0 ? undefined : `exit code ${code}`
    }
    case 'http': {
      const status = await httpProbe(
        {
          path: action.path,
          port: portOf(action.port, target),
          scheme: action.scheme === 'https' ? 'HTTPS' : 'HTTP',
          httpHeaders: Object.entries(action.headers).map(([name, value]) => ({ name, value })),
        },
        target.ip,
        { timeoutMs, userAgent: PROBE_USER_AGENT },
      )
      return status >= 200 && status < 400 ? undefined : `status ${status}`
    }
    case 'tcp':
      return connectOnce(target.ip, portOf(action.port, target), signal)
    case 'grpc':
      return grpcHealth(`${urlHost(target.ip)}:${action.port}`, action.service, timeoutMs)
    case 'sleep':
      await new Promise((resolve) => setTimeout(resolve, action.seconds * 1000))
      return undefined
  }
}

function portOf(reference: number | string, target: ProbeTarget): number {
  const port = target.port(reference)
  if (port === undefined) throw new Error(`no container port is named \`${reference}\``)
  return port
}

function urlHost(ip: string): string {
  return ip.includes(':') ? `[${ip}]` : ip
}

function connectOnce(host: string, port: number, signal: AbortSignal): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, signal })
    const finish = (reason?: string) => {
      socket.destroy()
      resolve(reason)
    }
    socket.on('error', (error) => finish(error.message))
    socket.on('connect', () => finish())
  })
}

// grpc.health.v1: HealthCheckRequest { string service = 1 }, HealthCheckResponse { status = 1 }, SERVING = 1.
const HealthClient = makeGenericClientConstructor({}, 'grpc.health.v1.Health')
const SERVING = Buffer.from([0x08, 0x01])

function grpcHealth(address: string, service: string, timeoutMs: number): Promise<string | undefined> {
  const client = new HealthClient(address, credentials.createInsecure(), {
    'grpc.primary_user_agent': PROBE_USER_AGENT,
  })
  const name = Buffer.from(service).subarray(0, 127)
  const message =
    name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name])
  return new Promise((resolve) => {
    client.makeUnaryRequest(
      '/grpc.health.v1.Health/Check',
      (bytes: Buffer) => bytes,
      (bytes: Buffer) => bytes,
      message,
      { deadline: Date.now() + timeoutMs },
      (error, response) => {
        client.close()
        if (error) resolve(error.message)
        else resolve(response?.equals(SERVING) ? undefined : 'not serving')
      },
    )
  })
}
