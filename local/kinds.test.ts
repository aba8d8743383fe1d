import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { formatProblem } from '../core/problem.ts'
import { startCluster } from './cluster.ts'
import { findLacks, thisMachine } from './requirements.ts'

// Every kind that runs and every way in which a pod fails, in one cluster, from one file.

const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false
const CLI = fileURLToPath(new URL('../cli/weft.ts', import.meta.url))
const SHELL = { image: 'busybox:1', terminationGracePeriodSeconds: 0 }

function pod(name: string, script: string, more: object = {}, podMore: object = {}) {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: podSpec(script, more, podMore) }
}

function podSpec(script: string, more: object = {}, podMore: object = {}) {
  return {
    terminationGracePeriodSeconds: SHELL.terminationGracePeriodSeconds,
    containers: [{ name: 'main', image: SHELL.image, command: ['sh', '-c', script], ...more }],
    ...podMore,
  }
}

function workload(kind: string, name: string, spec: object, template: object) {
  const labels = { app: name }
  return {
    apiVersion: 'apps/v1',
    kind,
    metadata: { name },
    spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: template }, ...spec },
  }
}

function job(name: string, spec: object, template: object) {
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name },
    spec: { ...spec, template: { spec: template } },
  }
}

const SECRET = Buffer.from([0, 255, 10]).toString('base64')
const NAME_OF_VARIABLE = { valueFrom: { secretKeyRef: { name: 'login', key: 'user' } } }

const OBJECTS = [
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'login' },
    data: { key: SECRET },
    stringData: { user: 'alice', password: 'a b' },
  },
  {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'plain' },
    stringData: { user: 'alice', password: 'a b' },
  },
  pod('zero', 'true', { envFrom: [{ secretRef: { name: 'login' } }] }),
  pod(
    'secrets',
    'echo "$NAME,$S_user,$S_password,$(cat /all/name)"; od -An -tu1 /secret/key; sleep infinity',
    {
      env: [{ name: 'NAME', ...NAME_OF_VARIABLE }],
      envFrom: [{ prefix: 'S_', secretRef: { name: 'plain' } }],
      volumeMounts: [
        { name: 'secret', mountPath: '/secret' },
        { name: 'all', mountPath: '/all' },
      ],
    },
    {
      volumes: [
        { name: 'secret', secret: { secretName: 'login' } },
        {
          name: 'all',
          projected: { sources: [{ secret: { name: 'login', items: [{ key: 'user', path: 'name' }] } }] },
        },
      ],
    },
  ),
  {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: 'db' },
    spec: { clusterIP: 'None', selector: { app: 'db' }, ports: [{ name: 'sql', port: 5432 }] },
  },
  workload(
    'StatefulSet',
    'db',
    { replicas: 2, serviceName: 'db', volumeClaimTemplates: [{ metadata: { name: 'data' }, spec: {} }] },
    podSpec('hostname >> /data/starts; sleep infinity', {
      volumeMounts: [{ name: 'data', mountPath: '/data' }],
    }),
  ),
  workload('DaemonSet', 'agent', {}, podSpec('sleep infinity')),
  job(
    'sum',
    { completions: 2, parallelism: 2, completionMode: 'Indexed' },
    { ...podSpec('echo "number $JOB_COMPLETION_INDEX"'), restartPolicy: 'Never' },
  ),
  job('hopeless', { backoffLimit: 1 }, { ...podSpec('echo no; exit 3'), restartPolicy: 'Never' }),
  pod('crashes', 'echo run; exit 7'),
  pod('imageless', '', { command: undefined }),
  pod('unconfigured', 'true', { envFrom: [{ configMapRef: { name: 'nowhere' } }] }),
  pod('unmounted', 'true', {}, { volumes: [{ name: 'v', secret: { secretName: 'nowhere' } }] }),
  pod('unhealthy', 'sleep infinity', { readinessProbe: { tcpSocket: { port: 9 }, periodSeconds: 1 } }),
  pod('ended', 'echo done', {}, { restartPolicy: 'Never' }),
  pod('failed', 'exit 4', {}, { restartPolicy: 'Never' }),
  pod('nothing-to-run', 'true', { command: ['no-such-program'] }, { restartPolicy: 'Never' }),
  pod(
    'starting',
    'true',
    {},
    { initContainers: [{ name: 'first', image: SHELL.image, command: ['sleep', 'infinity'] }] },
  ),
]

async function until(what: string, check: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000
  while (!(await check())) {
    if (Date.now() > deadline) throw new Error(`not within 60 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

t.test('kinds, and pods that fail', { skip, timeout: 180_000 }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-kinds-'))
  t.teardown(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'all.json')
  const put = (objects: readonly object[]) =>
    writeFileSync(file, JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects }))
  put(OBJECTS)
  const warnings: string[] = []
  const problems: string[] = []
  const name = `kinds-${process.pid}`
  const cluster = await startCluster({
    manifests: [file],
    name,
    mesh: false,
    onWarning: (line) => warnings.push(line),
    onProblems: ({ come }) => problems.push(...come.map((problem) => formatProblem(problem))),
  })
  t.teardown(() => cluster.close())
  const weft = async (...argv: string[]) => {
    const options = { timeout: 30_000 }
    const run = promisify(execFile)(process.execPath, [CLI, 'local', ...argv, '--name', name], options)
    return run.then(
      ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
      (error: { code: number; stdout: string; stderr: string }) => error,
    )
  }
  const log = async (reference: string) => {
    let said = ''
    for await (const text of cluster.logs(reference)) said += text
    return said
  }
  const named = async (start: string) =>
    (await cluster.status()).pods.filter((own) => own.name.startsWith(start) && !own.terminating)
  const table = async () => (await weft('status')).stdout

  await t.test('an image that stands for nothing is told before anything starts', async (t) => {
    const said = problems.find((line) => line.includes('Pod default/imageless: ')) ?? ''
    t.match(said, 'spec.containers[0].command: is required')
    const nothing = problems.find((line) => line.includes('Pod default/nothing-to-run: ')) ?? ''
    t.match(nothing, 'spec.containers[0].image')
    t.match(nothing, '--image busybox=FOLDER')
  })

  await t.test('status has the words of kubectl, and why', async (t) => {
    const words = {
      crashes: 'CrashLoopBackOff',
      imageless: 'ErrImageNeverPull',
      unconfigured: 'CreateContainerConfigError',
      unmounted: 'ContainerCreating',
      zero: 'CreateContainerConfigError',
      unhealthy: 'Running',
      ended: 'Completed',
      failed: 'Error',
      'nothing-to-run': 'ErrImageNeverPull',
      starting: 'Init:0/1',
    }
    const wrong = async () => {
      const rows = (await table()).split('\n').map((line) => line.split(/ {2,}/))
      return Object.entries(words).filter(([own, word]) => rows.find((row) => row[1] === own)?.[3] !== word)
    }
    await until('all of them', async () => (await wrong()).length === 0).catch(async () =>
      t.strictSame(await wrong(), []),
    )
    const reasons = [
      /Pod default\/crashes: its pod waits: container main: CrashLoopBackOff: the last run: Error, exit code 7/,
      /Pod default\/imageless: spec.containers\[0\].command: is required/,
      /Pod default\/nothing-to-run: spec.containers\[0\].image: .*--image busybox=FOLDER/,
      /Pod default\/unconfigured: .*container main: .*ConfigMap `nowhere` does not exist/,
      /Pod default\/zero: .*container main: .*Secret `login`, key `key`: a zero byte/,
      /Pod default\/unmounted: .*FailedMount: .*Secret `nowhere` does not exist/,
      /default\/failed, container main: Error: exit code 4/,
      /default\/unhealthy, container main: Unhealthy: the readiness probe failed/,
    ]
    // Now and then a container that crashes just runs.
    await until('a reason for each', async () => {
      const lines = (await table()).split('\n')
      return reasons.every((reason) => lines.filter((line) => reason.test(line)).length === 1)
    }).catch(async () => t.equal(await table(), reasons.join('\n')))
    const { messages } = await cluster.status()
    t.strictSame(
      messages.filter((line) => /image|FailedMount|CrashLoopBackOff|ConfigError/.test(line)),
      [],
      'what is a problem is no message, too',
    )
  })

  await t.test('logs: why there are none, those of the run before, and why it does not run', async (t) => {
    const none = await weft('logs', 'imageless')
    t.equal(none.code, 1)
    t.match(none.stderr, /has not started: ErrImageNeverPull: .*--image busybox=FOLDER/)
    // In between it may just run again.
    await until('what it said, and how it ended', async () => {
      const crashed = await weft('logs', 'crashes')
      return crashed.code === 0 && crashed.stdout === 'run\n' && crashed.stderr.includes('exit code 7')
    })
    t.strictSame(await weft('logs', 'crashes', '--previous'), { code: 0, stdout: 'run\n', stderr: '' })
    t.match((await weft('logs', 'ended', '--previous')).stderr, /has run once only/)
  })

  await t.test('describe and events, as text and as JSON', async (t) => {
    const text = (await weft('describe', 'crashes')).stdout
    t.match(text, /Last State: +Terminated\n +Reason: +Error\n +Exit Code: +7/)
    t.match(text, /Warning +BackOff +\d+s/)
    const events = JSON.parse((await weft('events', '--json')).stdout) as {
      events: { object: string; reason: string }[]
    }
    t.ok(events.events.some((one) => one.object === 'Pod default/unhealthy' && one.reason === 'Unhealthy'))
    t.ok(
      events.events.some(
        (one) => one.object === 'StatefulSet default/db' && one.reason === 'SuccessfulCreate',
      ),
    )
    const status = JSON.parse((await weft('status', '--json')).stdout) as {
      pods: { name: string; events: { reason: string }[] }[]
    }
    t.ok(status.pods.find((one) => one.name === 'crashes')?.events.some((one) => one.reason === 'BackOff'))
  })

  await t.test('a Secret in variables and files', async (t) => {
    await until('what it said', async () => (await log('secrets').catch(() => '')).includes('255'))
    t.equal(await log('secrets'), 'alice,alice,a b,alice\n   0 255  10\n')
    for (const [path, text] of [
      ['objects', readFileSync(file, 'utf8')],
      ['status', JSON.stringify(await cluster.status())],
      ['events', JSON.stringify(await cluster.events())],
    ] as const) {
      if (path !== 'objects') t.notMatch(text, /a b|alice/, `no secret in ${path}`)
    }
  })

  await t.test('a StatefulSet: names, a name for each pod, and data that a pod finds again', async (t) => {
    const both = async () => (await named('db-')).filter((own) => own.ready).map((own) => own.name)
    await until('both', async () => (await both()).length === 2)
    t.strictSame((await both()).sort(), ['db-0', 'db-1'])
    const resolved = await cluster.exec('db-0', ['getent', 'hosts', 'db-1.db'])
    const address = (await named('db-1'))[0]?.ips[0]
    t.match(resolved.stdout, `${address} `)
    await cluster.deletePod('db-1')
    await until('both again', async () => (await both()).length === 2)
    const starts = async (own: string) => (await cluster.exec(own, ['cat', '/data/starts'])).stdout
    await until('its second start', async () => (await starts('db-1')) === 'db-1\ndb-1\n')
    t.equal(await starts('db-0'), 'db-0\n')
  })

  await t.test('a DaemonSet is one pod', async (t) => {
    t.equal((await named('agent-')).length, 1)
  })

  await t.test('a Job runs to its end, and one that fails gives up', async (t) => {
    await until('both completions', async () => {
      const pods = await named('sum-')
      return pods.length === 2 && pods.every((own) => own.phase === 'Succeeded')
    })
    const said = await Promise.all((await named('sum-')).map((own) => log(own.name)))
    t.strictSame(said.sort(), ['number 0\n', 'number 1\n'])
    await until('the end of hope', async () => warnings.some((line) => line.includes('BackoffLimitExceeded')))
    const failed = await named('hopeless-')
    t.strictSame(
      failed.map((own) => own.phase),
      ['Failed', 'Failed'],
    )
  })

  await t.test('what was missing comes, and the pod goes on', async () => {
    put([
      ...OBJECTS,
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'nowhere' }, data: {} },
      { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'nowhere' } },
    ])
    await until('both have run', async () => {
      const pods = [...(await named('unconfigured')), ...(await named('unmounted'))]
      return pods.length === 2 && pods.every((own) => (own.containers[0]?.restarts ?? 0) > 0)
    })
    await until('nobody misses it any more', async () => !/default\/un.*nowhere/.test(await table()))
  })
})
