import { Agent, request } from 'undici'
import { CONTROL_PLANE, SYSTEM_NAMESPACE } from '../../core/contract.ts'
import { describeError } from '../../core/errors.ts'
import type { Problem } from '../../core/problem.ts'

/** What the control plane itself finds wrong, and whose sidecars it has a stream of. */
export interface ControlPlaneView {
  readonly problems: readonly Problem[]
  /** `pod.namespace` of sidecars; undefined while the control plane does not answer. */
  readonly connected: ReadonlySet<string> | undefined
}

export interface FollowOptions {
  /** `http://10.96.0.7:15080`, or undefined while there is none. */
  readonly address: () => string | undefined
  /** What finds this cluster in the commands that are named: '' or ` --name two`. */
  readonly flags: string
  readonly seen: (view: ControlPlaneView) => void
}

const EVERY_MS = 1000
const PATIENCE_MS = 2000
/** A restart of it is no problem to tell. */
const SILENT_ROUNDS = 5

/** Asks the control plane again and again, until the returned function is called. */
export function followControlPlane({ address, flags, seen }: FollowOptions): () => void {
  const agent = new Agent()
  let silent = 0
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const get = async (base: string, path: string): Promise<unknown> => {
    const answer = await request(base + path, { dispatcher: agent, signal: AbortSignal.timeout(PATIENCE_MS) })
    if (answer.statusCode === 200) return answer.body.json()
    await answer.body.dump()
    throw new Error(`it answers ${path} with ${answer.statusCode}`)
  }
  const round = async (): Promise<void> => {
    const base = address()
    try {
      if (base === undefined) throw new Error('its Service has no address')
      const [{ problems }, { proxies }] = (await Promise.all([
        get(base, '/api/problems?own=true'),
        get(base, '/api/proxies'),
      ])) as [{ problems: Problem[] }, { proxies: { node: string }[] }]
      silent = 0
      if (!closed) seen({ problems, connected: new Set(proxies.map(({ node }) => node)) })
    } catch (error) {
      silent++
      if (silent === SILENT_ROUNDS && !closed)
        seen({ problems: [silence(error, flags)], connected: undefined })
    }
    if (!closed) timer = setTimeout(() => void round(), EVERY_MS)
  }
  void round()
  return () => {
    closed = true
    clearTimeout(timer)
    void agent.destroy()
  }
}

function silence(error: unknown, flags: string): Problem {
  return {
    code: 'WEFT0605',
    file: null,
    line: null,
    column: null,
    kind: 'Deployment',
    namespace: SYSTEM_NAMESPACE,
    name: CONTROL_PLANE,
    field: '',
    severity: 'error',
    message: `the control plane does not answer; sidecars go on with what they have: ${describeError(error)}`,
    remedy: `weft local logs ${CONTROL_PLANE}${flags} may say why; weft local restart ${CONTROL_PLANE}${flags}`,
  }
}
