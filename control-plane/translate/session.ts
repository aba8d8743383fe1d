import { createHash } from 'node:crypto'
import { mutationProblem } from '../../core/header-mutation.ts'
import type { Session } from '../model/session.ts'
import type { SessionPersistence } from '../registry/kinds/session-persistence.ts'

/** `scope`: of the rule whose sessions they are. `ownPath`: see Session. */
export function translateSession(source: SessionPersistence, scope: string, ownPath: boolean): Session {
  const { type, sessionName, absoluteTimeoutMs, idleTimeoutMs, permanent } = source
  return {
    carrier: type === 'Header' ? 'header' : 'cookie',
    name: sessionName ?? madeUpName(type, scope),
    scope,
    ownPath,
    permanent,
    absoluteMs: absoluteTimeoutMs,
    idleMs: idleTimeoutMs,
  }
}

/** Of a name that no proxy may write, or undefined. */
export function sessionProblem({ type, sessionName }: SessionPersistence): string | undefined {
  if (type === 'Cookie' || sessionName === undefined) return undefined
  const name = sessionName.toLowerCase()
  if (['cookie', 'set-cookie', 'host'].includes(name))
    return `sessionPersistence.sessionName: ${name} has a meaning of its own`
  const problem = mutationProblem(name, 'response', 'set')
  return problem && `sessionPersistence.sessionName: ${problem}`
}

/** One of its own for each rule, and the same for as long as the rule is there. */
function madeUpName(type: SessionPersistence['type'], scope: string): string {
  const unique = createHash('sha256').update(scope).digest('hex').slice(0, 8)
  return type === 'Header' ? `x-weft-session-${unique}` : `weft-session-${unique}`
}
