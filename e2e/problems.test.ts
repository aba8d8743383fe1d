import { spawn, spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test as Tap } from 'tap'
import { formatProblem, type Problem } from '../core/problem.ts'
import type { ClusterStatus } from '../local/control/status.ts'
import { findLacks, thisMachine } from '../local/requirements.ts'

const WEFT = fileURLToPath(new URL('../cli/weft.ts', import.meta.url))
const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

const RIGHT = `apiVersion: v1
kind: Namespace
metadata: { name: shop, labels: { weft.dev/inject: enabled } }
---
apiVersion: apps/v1
kind: Deployment
metadata: { name: web, namespace: shop }
spec:
  replicas: 1
  selector: { matchLabels: { app: web } }
  template:
    metadata: { labels: { app: web } }
    spec:
      terminationGracePeriodSeconds: 0
      containers:
        - name: web
          image: shop/web:v1
          command: [sleep, infinity]
          ports: [{ name: http, containerPort: 8080 }]
---
apiVersion: v1
kind: Service
metadata: { name: web, namespace: shop }
spec:
  selector: { app: web }
  ports: [{ name: http, port: 80, targetPort: http }]
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: web, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules:
    - backendRefs: [{ name: web, port: 80 }]
---
apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: strict, namespace: shop }
spec: { mtls: { mode: STRICT } }
`

/** Fields of a problem; a pattern stands for a text. */
interface Told {
  readonly line: number
  readonly field: string
  readonly kind?: string
  readonly name?: string
  readonly severity?: Problem['severity']
  readonly remedy?: string | RegExp
}

/** What is written wrong, where it must be told, and what to do. */
const MISTAKES: readonly (readonly [right: string, wrong: string, told: Told])[] = [
  [
    'inject: enabled',
    'inject: "true"',
    { line: 3, field: 'metadata.labels["weft.dev/inject"]', remedy: 'write weft.dev/inject: enabled' },
  ],
  ['replicas: 1', 'replcias: 1', { line: 9, field: 'spec.replcias', remedy: 'did you mean replicas?' }],
  [
    'containerPort: 8080',
    'containerPort: "8080"',
    {
      line: 19,
      field: 'spec.template.spec.containers[0].ports[0].containerPort',
      remedy: 'write 8080, without quotes',
    },
  ],
  [
    'selector: { app: web }',
    'selector: { app: wbe }',
    {
      line: 25,
      field: 'spec.selector',
      severity: 'warning',
      remedy: /app: web, which the pods of Deployment web have/,
    },
  ],
  ['port: 80, targetPort', 'port: 808080, targetPort', { line: 26, field: 'spec.ports[0].port' }],
  ['kind: HTTPRoute', 'kind: HTTPRuote', { line: 29, field: 'kind', remedy: 'did you mean HTTPRoute?' }],
  [
    'kind: PeerAuthentication',
    'kind: PeerAuthentcation',
    { line: 37, field: 'kind', remedy: 'did you mean PeerAuthentication?' },
  ],
]
/** Mistakes of another file. */
const OTHER = `apiVersion: v1
kind: Pod
metadata: { name: lost, namespace: shpo }
spec: { containers: [{ name: lost, image: shop/lost, command: [sleep, infinity] }] }
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: { name: web, namespace: shop }
---
apiVersion: gateway.networking.k8s.io/v1
kind: HTTPRoute
metadata: { name: other, namespace: shop }
spec:
  parentRefs: [{ group: '', kind: Service, name: web }]
  rules:
    - backendRefs: [{ name: wbe, port: 80 }]
---
apiVersion: weft.dev/v1alpha1
kind: PeerAuthentication
metadata: { name: other, namespace: shop }
spec: { mtls: { mode: STRIKT } }
`
const TOLD_OF_OTHER: readonly Told[] = [
  { line: 3, kind: 'Pod', name: 'lost', field: 'metadata.namespace', severity: 'error' },
  { line: 7, kind: 'VirtualService', field: 'kind', severity: 'warning' },
  {
    line: 16,
    kind: 'HTTPRoute',
    name: 'other',
    field: 'spec.rules[0].backendRefs[0].name',
    remedy: 'did you mean web?',
  },
  { line: 21, kind: 'PeerAuthentication', field: 'spec.mtls.mode', remedy: 'did you mean STRICT?' },
]

t.test(
  'ten mistakes are told in up, status, validate and on the dashboard, and gone when mended',
  { skip, timeout: 150_000 },
  async (t) => {
    const directory = mkdtempSync(join(tmpdir(), 'weft-test-problems-'))
    t.teardown(() => rmSync(directory, { recursive: true, force: true }))
    const manifests = join(directory, 'manifests')
    mkdirSync(manifests)
    const put = (name: string, text: string): void => {
      writeFileSync(join(directory, name), text)
      renameSync(join(directory, name), join(manifests, name))
    }
    put(
      'shop.yaml',
      MISTAKES.reduce((text, [right, wrong]) => text.replace(right, wrong), RIGHT),
    )
    put('other.yaml', OTHER)
    const wanted = [
      ...MISTAKES.map(([, , told]) => ({
        severity: 'error',
        ...told,
        file: join(manifests, 'shop.yaml'),
      })),
      ...TOLD_OF_OTHER.map((told) => ({ ...told, file: join(manifests, 'other.yaml') })),
    ]
    const expectAll = (t: Tap, problems: readonly Problem[]): void => {
      for (const one of wanted) {
        const found = problems.find(
          ({ file, line, field }) => file === one.file && line === one.line && field === one.field,
        )
        t.match(found, one, `${one.line}: ${one.field}`)
        t.not(found?.remedy ?? '', '')
      }
    }

    const validate = (): { status: number | null; ok: boolean; problems: Problem[] } => {
      const { status, stdout } = spawnSync(
        process.execPath,
        [WEFT, 'local', 'validate', '-f', manifests, '--json'],
        { encoding: 'utf8' },
      )
      return { status, ...(JSON.parse(stdout) as { ok: boolean; problems: Problem[] }) }
    }
    const first = validate()
    t.match(first, { status: 1, ok: false })
    expectAll(t, first.problems)

    const name = `problems-${process.pid}`
    const folder = fileURLToPath(new URL('../local/testing/app', import.meta.url))
    const images = ['--image', `shop/web=${folder}`, '--image', `shop/lost=${folder}`]
    const up = spawn(process.execPath, [WEFT, 'local', 'up', '-f', manifests, '--name', name, ...images], {
      cwd: directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const ended = new Promise((resolve) => up.once('exit', resolve))
    t.teardown(async () => {
      up.kill('SIGINT')
      await ended
    })
    let out = ''
    let said = ''
    up.stdout.setEncoding('utf8').on('data', (chunk: string) => (out += chunk))
    up.stderr.setEncoding('utf8').on('data', (chunk: string) => (said += chunk))
    const until = async <T>(what: string, look: () => T | undefined | Promise<T | undefined>): Promise<T> => {
      const deadline = Date.now() + 120_000
      for (;;) {
        const found = await look()
        if (found !== undefined) return found
        if (Date.now() > deadline || up.exitCode !== null) throw new Error(`not seen: ${what}\n${out}${said}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
    }
    const status = (): ClusterStatus | undefined => {
      const { stdout, status: code } = spawnSync(
        process.execPath,
        [WEFT, 'local', 'status', '--json', '--name', name],
        { encoding: 'utf8' },
      )
      return code === 0 ? (JSON.parse(stdout) as ClusterStatus) : undefined
    }
    const dashboard = await until('the dashboard', () => /dashboard: (\S+)/.exec(out)?.[1])
    const shown = async (): Promise<readonly Problem[] | undefined> => {
      const answer = await fetch(`${dashboard}/api/problems`).catch(() => undefined)
      if (answer?.status !== 200) return undefined
      return ((await answer.json()) as { problems: Problem[] }).problems
    }
    const complete = (problems: readonly Problem[] | undefined) =>
      problems &&
      wanted.every((one) =>
        problems.some(
          ({ file, line, field }) => file === one.file && line === one.line && field === one.field,
        ),
      )
        ? problems
        : undefined
    const inStatus = await until('all in the status', () => complete(status()?.problems))
    expectAll(t, inStatus)
    const onDashboard = await until('all on the dashboard', async () => complete(await shown()))
    expectAll(t, onDashboard)
    for (const problem of first.problems)
      t.match(
        said,
        formatProblem(problem, (file) => file.replace(`${directory}/`, '')),
        `up: ${problem.field}`,
      )

    put('shop.yaml', RIGHT)
    rmSync(join(manifests, 'other.yaml'))
    await until('an empty status', () => (status()?.problems.length === 0 ? true : undefined))
    await until('an empty dashboard', async () => ((await shown())?.length === 0 ? true : undefined))
    t.match(validate(), { status: 0, ok: true, problems: [] })
    for (const { field, message } of first.problems)
      t.match(said, new RegExp(`^mended: .*${RegExp.escape(`${field}: ${message}`)}`, 'm'))
  },
)
