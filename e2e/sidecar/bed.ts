import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { openCaStore } from '../../certs/ca-store.ts'
import { startControlPlane, type RunningControlPlane } from '../../control-plane/app.ts'
import { manifestsPlatform } from '../../control-plane/platform/manifests.ts'
import { openTokenIssuer } from '../../control-plane/serve/tokens/issuer.ts'
import { silentLogger } from '../../core/log.ts'

const WEFT = join(import.meta.dirname, '..', '..', 'cli', 'weft.ts')

const NONE: readonly string[] = []

export interface SidecarProcess {
  /** Folder of its snapshot and certificate. */
  readonly state?: string
  /** A bundle in place of the source. */
  readonly program?: string
  /** Flags of Node.js. */
  readonly node?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A mesh of one pod, its control plane in this process, its sidecar in one of its own. */
export async function sidecarBed(t: Pick<Test, 'testdir' | 'teardown'>) {
  const directory = t.testdir({})
  const at = (...names: string[]) => join(directory, ...names)
  for (const name of ['manifests', 'ca', 'keys']) mkdirSync(at(name))
  const issuer = await openTokenIssuer({ directory: at('keys') })
  const token = await issuer.mint(
    {
      namespace: 'shop',
      serviceAccount: { name: 'web', uid: 'sa-1' },
      pod: { name: 'web-1', uid: 'pod-1' },
    },
    { audience: 'weft', ttlMs: 3_600_000 },
  )
  writeFileSync(at('token'), token)
  const { bundle } = openCaStore({ directory: at('ca'), trustDomain: 'cluster.local' }).authority.value
  writeFileSync(at('roots.pem'), bundle.pem)
  const running: RunningControlPlane[] = []
  t.teardown(async () => {
    for (const one of running) await one.close()
  })

  return {
    token,
    at,
    /** The pod, with these ports of its container. */
    pod(ports: readonly number[]): void {
      const list = ports.map((port) => `{ containerPort: ${port} }`).join(', ')
      writeFileSync(
        at('manifests', 'pod.yaml'),
        `apiVersion: v1
kind: Pod
metadata: { name: web-1, namespace: shop, annotations: { weft.dev/status: '{}' } }
spec:
  serviceAccountName: web
  initContainers: [{ name: weft-init }, { name: weft-proxy, restartPolicy: Always }]
  containers: [{ name: app, ports: [${list}] }]
status: { podIP: 127.0.0.1 }
`,
      )
    },
    async controlPlane(port = 0): Promise<RunningControlPlane> {
      const started = await startControlPlane({
        platform: manifestsPlatform({
          manifests: [at('manifests')],
          issuer: { kind: 'own', caDirectory: at('ca') },
          tokenKeyDirectory: at('keys'),
        }),
        trustDomain: 'cluster.local',
        dnsNames: ['weft-control-plane.weft-system.svc'],
        grpc: { host: '127.0.0.1', port },
        grpcPlaintext: undefined,
        http: { host: '127.0.0.1', port: 0 },
        samplingPercent: 0,
        dashboard: new Map(),
        log: silentLogger,
      })
      running.push(started)
      return started
    },
    /** `weft proxy --sidecar` against the control plane at this port. */
    sidecar(port: number, { state = 'state', program = WEFT, node = NONE, env = {} }: SidecarProcess = {}) {
      const flags = {
        '--control-plane': `127.0.0.1:${port}`,
        '--trust-domain': 'cluster.local',
        '--state-dir': at(state),
        '--token-file': at('token'),
        '--ca-file': at('roots.pem'),
        '--drain-seconds': '5',
        '--log-level': 'debug',
      }
      const child = spawn(
        process.execPath,
        [...node, program, 'proxy', '--sidecar', ...Object.entries(flags).flat()],
        {
          env: {
            ...env,
            PATH: process.env['PATH'],
            POD_NAME: 'web-1',
            POD_NAMESPACE: 'shop',
            POD_IPS: '127.0.0.1',
            SERVICE_ACCOUNT: 'web',
          },
          stdio: ['ignore', 'pipe', 'pipe'],
        },
      )
      t.teardown(() => child.kill('SIGKILL'))
      const log = { text: '' }
      for (const from of [child.stdout, child.stderr])
        from.on('data', (chunk: Buffer) => (log.text += chunk.toString()))
      return { child, log, over: once(child, 'close').then(([code]) => code as unknown) }
    },
  }
}

/** Body and status; status 0 while nobody answers. */
export async function get(port: number, path: string): Promise<{ status: number; body: string }> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { connection: 'close' } })
    return { status: response.status, body: await response.text() }
  } catch {
    return { status: 0, body: '' }
  }
}

/** Asks until the answer is the one awaited; a test's own timeout ends what never comes. */
export async function answers(
  port: number,
  path: string,
  wanted: (answer: { status: number; body: string }) => boolean,
): Promise<string> {
  for (;;) {
    const answer = await get(port, path)
    if (wanted(answer)) return answer.body
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
