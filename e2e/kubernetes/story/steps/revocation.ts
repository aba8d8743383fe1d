import { eventually, failuresOf, onePod, type PodInfo } from '../../../demo/scenario.ts'
import { weftCommand } from '../../mesh/weft-command.ts'
import type { KubernetesMesh, KubernetesStep } from '../step.ts'
import { underLoad } from '../under-load.ts'

const IDENTITY = 'shop/client'
const SYSTEM = 'weft-system'
const CONTROL_PLANE = 'deployment/weft-control-plane'
const PATIENCE_S = 120
/** As said where a revocation is described: docs/identity.md. */
const IN_FORCE_MS = 2000

/** What the one that asks is called once it was answered. */
const ASKING = 'weft-asking'

/**
 * One connection of the application's to a catalog, over which it asks every 20 ms; for each answer its status and when it
 * was there. It ends when it is refused.
 */
const ASK_UNTIL_REFUSED = `
const { Agent, get } = require('node:http')
const agent = new Agent({ keepAlive: true, maxSockets: 1 })
let answered = 0
const ask = () => get({ host: 'catalog', port: 8080, path: '/items/1', agent }, (response) => {
  response.resume().on('end', () => {
    if (response.statusCode !== 200) return console.log(JSON.stringify({ answered, status: response.statusCode, at: Date.now() }))
    if (++answered === 1) process.title = '${ASKING}'
    setTimeout(ask, 20)
  })
}).on('error', ({ code }) => console.log(JSON.stringify({ answered, status: code, at: Date.now() })))
ask()
`

/** Whether one that asks was answered, by the names of processes. */
const IS_ASKING = `
const { readdirSync, readFileSync } = require('node:fs')
console.log(readdirSync('/proc').some((pid) => {
  try { return readFileSync('/proc/' + pid + '/cmdline', 'utf8').startsWith('${ASKING}') } catch { return false }
}))
`

/** Status of one request over a connection of its own, as text. */
const ASK_ONCE = `
require('node:http').get('http://catalog:8080/items/1', { agent: false }, (response) => {
  console.log(response.statusCode)
  response.resume()
}).on('error', ({ code }) => console.log(code))
`

export const revocation: KubernetesStep = {
  name: 'revocation',
  expected:
    'weft identity revoke shop/client: refused within 2 s over the connection that was open, and over new ones; kept by control planes that start anew; listed; undone. Nobody else notices',
  async run(mesh) {
    const client = await onePod(mesh, 'shop', 'client')
    const web = await onePod(mesh, 'shop', 'web')
    const identity = (...argv: readonly string[]) =>
      weftCommand(mesh.kubernetes.kubeconfig, 'identity', ...argv)
    const answers = async () => (await once(mesh, client)) === '200'
    const observed: string[] = []
    let ok = true
    const holds = (is: boolean, what: string): void => {
      ok &&= is
      observed.push(is ? what : `NOT: ${what}`)
    }
    const others = await underLoad(mesh, web, ['--url', OTHERS, '--rate', '50'], async () => {
      const asking = mesh.exec(client, ['node', '-e', ASK_UNTIL_REFUSED])
      await eventually(PATIENCE_S, 'the first answer', async () =>
        (await mesh.exec(client, ['node', '-e', IS_ASKING])).stdout.startsWith('true') ? true : undefined,
      )
      await identity('revoke', IDENTITY, '--reason', 'its node was broken into')
      const told = Date.now()
      const { answered, status, at } = JSON.parse((await asking).stdout) as {
        answered: number
        status: number | string
        at: number
      }
      const ms = Math.max(0, at - told)
      holds(
        answered > 0 && ms <= IN_FORCE_MS,
        `after ${answered} answers ${status}, ${ms} ms after the command`,
      )
      holds(!(await answers()), 'a new connection is refused')

      await restartControlPlanes(mesh)
      holds(!(await answers()), 'refused still when the control planes are others')
      const { result } = await identity('list')
      holds(JSON.stringify(result).includes('its node was broken into'), 'listed with its reason')

      await identity('restore', IDENTITY)
      await eventually(PATIENCE_S, 'the answer again', async () => ((await answers()) ? true : undefined))
      holds(true, 'answered again after its undoing')
    })
    holds(others.failed === 0, `of another caller ${failuresOf(others)}`)
    return { ok, observed: observed.join('; ') }
  },
}

/** What web calls. */
const OTHERS = 'http://catalog:8080/items/{n}'

async function once(mesh: KubernetesMesh, from: PodInfo): Promise<string> {
  return (await mesh.exec(from, ['node', '-e', ASK_ONCE])).stdout.trim()
}

async function restartControlPlanes({ kubernetes }: KubernetesMesh): Promise<void> {
  const inSystem = (...args: readonly string[]) => kubernetes.kubectl([...args, '--namespace', SYSTEM])
  await inSystem('rollout', 'restart', CONTROL_PLANE)
  await inSystem('rollout', 'status', CONTROL_PLANE, '--timeout=180s')
}
