import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { runCommand } from '../../../../local/node/run-command.ts'
import { eventually } from '../../../demo/scenario.ts'
import { commandsOf } from '../../../document-fences.ts'
import type { KubernetesCluster } from '../../cluster/cluster.ts'
import type { KubernetesStep } from '../step.ts'

const PROJECT = join(import.meta.dirname, '../../../..')
const PAGE = join(PROJECT, 'docs/getting-started.md')
const COMMAND_MS = 200_000
/** From a change until what follows it in the page is as the page says. */
const HOLDS_S = 20
/** Points by which a share of 300 requests may differ from the configured one. */
const NEAR = 3

const CLIENT = 'spiffe://cluster.local/ns/hello/sa/client'

/** What a command of the page begins with, and what must be so of what it prints. */
type Expected = readonly [begins: string, holds?: (output: string) => boolean]

const ASK = 'kubectl -n hello exec deployment/client -- node /scripts/ask.mjs 300'
const STRANGER = 'kubectl -n hello-outside exec deployment/stranger -- node -e '
const FORWARD = 'weft dashboard'

export const COMMANDS: readonly Expected[] = [
  ['kubectl apply -f examples/cluster/hello.yaml'],
  ['kubectl -n hello wait deployment'],
  ['kubectl -n hello-outside wait deployment'],
  ['weft proxies -n hello', (output) => (output.match(/(hello-v[12]|client)-[0-9a-f]+-/g) ?? []).length >= 4],
  // Without a route the pods that answer sooner get more: any share will do.
  [ASK, (output) => sharesOf(output, 50, 50)],
  ['kubectl apply -f examples/cluster/canary.yaml'],
  ['kubectl -n hello wait httproute/hello'],
  [ASK, (output) => sharesOf(output, 10)],
  ['kubectl -n hello patch httproute'],
  [ASK, (output) => sharesOf(output, 50)],
  ['kubectl -n hello patch httproute'],
  [ASK, (output) => sharesOf(output, 100, 0)],
  [STRANGER, (output) => /^v[12] to nobody that is known$/m.test(output)],
  ['kubectl apply -f examples/cluster/strict.yaml'],
  [STRANGER, (output) => output.startsWith('no answer: ')],
  [ASK, (output) => sharesOf(output, 100, 0)],
  [FORWARD],
  ['kubectl delete -f examples/cluster/hello.yaml'],
]

/** All 300 were answered to the client by its name, and v2 had `percent` of them. */
function sharesOf(output: string, percent: number, near = NEAR): boolean {
  const counts = { v1: 0, v2: 0 }
  for (const [, count, version] of output.matchAll(/^ *(\d+) 200 (v[12]) to (\S+)$/gm))
    counts[version as 'v1' | 'v2'] += output.includes(`${version} to ${CLIENT}`) ? Number(count) : 0
  return counts.v1 + counts.v2 === 300 && Math.abs(counts.v2 / 3 - percent) <= near
}

/** The lines of the page's shell blocks. */
export async function commandsOfThePage(): Promise<string[]> {
  const page = await readFile(PAGE, 'utf8')
  const section = page.slice(page.indexOf('## In a cluster'))
  return commandsOf(section).map(({ text }) => text)
}

/** A shell at the root of a clone, in which `kubectl` and `weft` are there and know the cluster. */
function shell(cluster: KubernetesCluster, command: string): string[] {
  const quoted = (argv: readonly string[]) => argv.map((one) => `'${one}'`).join(' ')
  const script = [
    `cd '${PROJECT}'`,
    `export KUBECONFIG='${cluster.kubeconfig}'`,
    `kubectl() { ${quoted(cluster.kubectlArgv([]))} "$@"; }`,
    `weft() { ${quoted([process.execPath, 'cli/weft.ts'])} "$@"; }`,
    command,
  ]
  return ['bash', '-euc', script.join('\n')]
}

async function play(cluster: KubernetesCluster, command: string, holds?: Expected[1]): Promise<void> {
  const once = async (): Promise<string> => {
    const { code, stdout, stderr } = await runCommand(shell(cluster, command), { timeoutMs: COMMAND_MS })
    if (code === 0) return stdout
    throw new Error(`\`${command}\` ended with ${code}: ${stderr.trim()}`)
  }
  let output = await once()
  if (!holds || holds(output)) return
  try {
    await eventually(HOLDS_S, command, async () => holds((output = await once())) || undefined)
  } catch (error) {
    throw new Error(`${String(error)}: ${output}`, { cause: error })
  }
}

/** What the dashboard reads while the page's command runs. A mesh on the machine of the test is not meant. */
async function throughForward(cluster: KubernetesCluster, command: string): Promise<string> {
  const [program = '', ...argv] = shell(
    cluster,
    command.replace(/^weft (.*)$/, `exec '${process.execPath}' cli/weft.ts $1 --kubeconfig "$KUBECONFIG"`),
  )
  const child = spawn(program, argv, { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    const address = await new Promise<string>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code) => reject(new Error(`\`${command}\` ended with ${code}`)))
      createInterface({ input: child.stdout }).on('line', (line) => {
        const [, found] = /^dashboard: (\S+)$/.exec(line) ?? []
        if (found !== undefined) resolve(found)
      })
    })
    const page = await fetch(`${address}/`, { signal: AbortSignal.timeout(10_000) })
    const services = await fetch(`${address}/api/services`, {
      signal: AbortSignal.timeout(10_000),
    })
    return `${page.status} ${await page.text()} ${await services.text()}`
  } finally {
    child.removeAllListeners('exit')
    child.kill()
  }
}

export const gettingStarted: KubernetesStep = {
  name: 'getting started',
  expected: 'every command of docs/getting-started.md for a cluster does what the page says',
  async run({ kubernetes }) {
    const commands = await commandsOfThePage()
    const began = performance.now()
    for (const [at, [begins, holds]] of COMMANDS.entries()) {
      const command = commands[at] ?? ''
      if (!command.startsWith(begins))
        throw new Error(`the page has \`${command}\` where \`${begins}\` is expected`)
      if (begins === FORWARD) {
        const seen = await throughForward(kubernetes, command)
        if (!/^200 [^]*"name":"hello"/.test(seen)) throw new Error(`the dashboard gave ${seen.slice(0, 300)}`)
      } else await play(kubernetes, command, holds)
    }
    const seconds = ((performance.now() - began) / 1000).toFixed(0)
    return {
      ok: commands.length === COMMANDS.length,
      observed: `${COMMANDS.length} of ${commands.length} commands played in ${seconds} s`,
    }
  },
}
