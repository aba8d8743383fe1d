import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import {
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Test } from 'tap'
import { findLacks, thisMachine } from './requirements.ts'

const CLI = fileURLToPath(new URL('../cli/weft.ts', import.meta.url))
const lacks = findLacks(thisMachine)
const skip = lacks.length > 0 ? lacks.map((lack) => lack.message).join('; ') : false

const POD = `
apiVersion: v1
kind: Pod
metadata: { name: sleeper, namespace: default }
spec:
  # Longer than the test waits for anything: whoever ends a cluster in order waits for its own grace only.
  terminationGracePeriodSeconds: 600
  containers:
    - name: sleeper
      image: test/none:v1
      command: [sh, -c, 'trap "" TERM; while :; do sleep 0.1; done']
`

// What other programs of the machine mount or name meanwhile is not ours to look at: as root, the launchers run in
// namespaces that this test made. Without root there is nothing that they could change of the machine's.
let place: number | undefined
let entered: readonly string[] = []
t.before(async () => {
  if (skip !== false || userInfo().uid !== 0) return
  const script = 'mount -t tmpfs none /run && ip link set lo up && echo there && exec sleep infinity'
  const holder = spawn('unshare', ['--mount', '--net', '--', '/bin/sh', '-c', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => holder.kill('SIGKILL'))
  const gone = once(holder, 'exit').then(() => {
    throw new Error('no namespaces for the launchers: unshare or mount failed')
  })
  await Promise.race([once(holder.stdout, 'data'), gone])
  gone.catch(() => {})
  place = holder.pid
  entered = ['nsenter', `--mount=/proc/${place}/ns/mnt`, `--net=/proc/${place}/ns/net`, '--']
})

interface Up {
  readonly launcher: ChildProcess
  readonly name: string
  readonly stateDirectory: string
  /** Resolves once a line of its output has this in it. */
  said(text: string): Promise<void>
}

let count = 0

/** Starts `weft local up`, from a shell when `shell` is set: then `launcher` is the shell. */
function up(t: Test, shell = false): Up {
  const directory = mkdtempSync(join(tmpdir(), 'weft-test-manifests-'))
  writeFileSync(join(directory, 'pod.yaml'), POD)
  const name = `ending-${process.pid}-${count++}`
  const stateDirectory = join(tmpdir(), `weft-${userInfo().uid}-${name}`)
  const image = `test/none=${directory}`
  const argv = [
    ...entered,
    process.execPath,
    CLI,
    'local',
    'up',
    '-f',
    directory,
    '--name',
    name,
    '--no-mesh',
    '--image',
    image,
  ]
  const launcher = shell
    ? spawn('/bin/sh', ['-c', '"$@" & wait', 'sh', ...argv], { stdio: ['ignore', 'pipe', 'pipe'] })
    : spawn(argv[0] as string, argv.slice(1), { stdio: ['ignore', 'pipe', 'pipe'] })
  t.teardown(() => {
    launcher.kill('SIGKILL')
    rmSync(directory, { recursive: true, force: true })
  })
  let output = ''
  const collect = (chunk: Buffer) => (output += chunk.toString())
  launcher.stdout.on('data', collect)
  launcher.stderr.on('data', collect)
  return {
    launcher,
    name,
    stateDirectory,
    said: (text) => until(`${text} in: ${output}`, () => output.includes(text)),
  }
}

async function until(what: string, check: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000
  while (!check()) {
    if (Date.now() > deadline) throw new Error(`not within 30 s: ${what}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

function children(pid: number | undefined): number[] {
  return processes(
    (entry) => readFileSync(`/proc/${entry}/stat`, 'utf8').split(') ')[1]?.split(' ')[1] === String(pid),
  )
}

/** Ids of the processes that `matches`; those that go meanwhile do not. */
function processes(matches: (entry: string) => boolean): number[] {
  return readdirSync('/proc')
    .filter((entry) => {
      try {
        return /^\d+$/.test(entry) && matches(entry)
      } catch {
        return false
      }
    })
    .map(Number)
}

/** The PID namespace that a launcher made, once it has. */
async function namespaceOf(launcher: number | undefined): Promise<string> {
  let found = ''
  await until('unshare has made its namespaces', () => {
    for (const child of children(launcher)) {
      try {
        const inner = readlinkSync(`/proc/${child}/ns/pid_for_children`)
        if (inner !== readlinkSync('/proc/self/ns/pid')) found = inner
      } catch {
        // Not yet.
      }
    }
    return found !== ''
  })
  return found
}

/** Whether a process runs: one that has ended and was not waited for does not. */
const running = (pid: number | undefined) =>
  processes((entry) => entry === String(pid) && !readFileSync(`/proc/${entry}/stat`, 'utf8').includes(') Z '))
    .length > 0

const inNamespace = (namespace: string) =>
  processes((entry) => readlinkSync(`/proc/${entry}/ns/pid`) === namespace)

interface Machine {
  readonly mounts: string
  readonly networks: readonly string[]
  readonly devices: string
}

/** What a cluster must not change, as it is where the launchers run. */
function machine(): Machine | undefined {
  if (place === undefined) return undefined
  const root = `/proc/${place}/root/run/netns`
  return {
    mounts: readFileSync(`/proc/${place}/mounts`, 'utf8'),
    networks: existsSync(root) ? readdirSync(root) : [],
    devices: readFileSync(`/proc/${place}/net/dev`, 'utf8').replaceAll(/:.*/g, ''),
  }
}

/** Runs a cluster and ends it by `kill`; all of it must go. */
async function check(t: Test, own: Up, launcher: number | undefined, kill: () => void): Promise<void> {
  const before = machine()
  const namespace = await namespaceOf(launcher)
  await own.said('ready after')
  t.ok(existsSync(own.stateDirectory), 'there is a state directory while it runs')
  // sh, the node, and the pod's shell at least.
  t.ok(inNamespace(namespace).length >= 3, 'and processes')
  kill()
  await until('no process is left', () => inNamespace(namespace).length === 0)
  await until('no file is left', () => !existsSync(own.stateDirectory))
  t.same(machine(), before, 'no mount, network namespace or device')
}

t.test('the launcher is killed', { skip }, async (t) => {
  const own = up(t)
  await check(t, own, own.launcher.pid, () => own.launcher.kill('SIGKILL'))
})

t.test('the process that started the launcher is killed', { skip }, async (t) => {
  const own = up(t, true)
  let launcher: number | undefined
  await until('the shell has a child', () => (launcher = children(own.launcher.pid)[0]) !== undefined)
  await check(t, own, launcher, () => own.launcher.kill('SIGKILL'))
  await until('the launcher ends', () => launcher !== undefined && !existsSync(`/proc/${launcher}`))
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`${signal} ends it in order`, { skip }, async (t) => {
    const own = up(t)
    await check(t, own, own.launcher.pid, () => own.launcher.kill(signal))
    if (own.launcher.exitCode === null && own.launcher.signalCode === null) await once(own.launcher, 'exit')
    t.equal(own.launcher.exitCode, 0)
    await own.said('ended: nothing of it is left')
  })
}

t.test('`down` returns once all of it is over', { skip }, async (t) => {
  const own = up(t)
  const namespace = await namespaceOf(own.launcher.pid)
  await own.said('ready after')
  const down = spawn(process.execPath, [CLI, 'local', 'down', '--name', own.name], { stdio: 'inherit' })
  const [code] = (await once(down, 'exit')) as [number]
  t.equal(code, 0)
  t.strictSame(inNamespace(namespace), [], 'no process is left')
  t.notOk(existsSync(own.stateDirectory), 'no file is left')
  t.notOk(running(own.launcher.pid), 'not even the command that started it')
  await own.said('ended by weft local down')
})

t.test('whoever read what it says has gone', { skip }, async (t) => {
  const own = up(t)
  let said = ''
  own.launcher.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()))
  own.launcher.stdout?.destroy()
  await once(own.launcher, 'exit')
  t.match(said, 'ended: nothing of it is left')
  t.notMatch(said, 'EPIPE')
  t.equal(own.launcher.exitCode, 0)
})

t.test('two signals at once', { skip }, async (t) => {
  const own = up(t)
  await check(t, own, own.launcher.pid, () => {
    own.launcher.kill('SIGINT')
    own.launcher.kill('SIGTERM')
  })
})

t.test('a signal in the middle of the start', { skip }, async (t) => {
  const before = machine()
  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    const own = up(t)
    const namespace = await namespaceOf(own.launcher.pid)
    own.launcher.kill(signal)
    if (own.launcher.exitCode === null && own.launcher.signalCode === null) await once(own.launcher, 'exit')
    await until('no process is left', () => inNamespace(namespace).length === 0)
    t.notOk(existsSync(own.stateDirectory), `no file after ${signal}`)
  }
  t.same(machine(), before)
})
