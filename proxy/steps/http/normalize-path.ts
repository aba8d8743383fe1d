import type { RequestHead } from '../../http/message.ts'
import type { Hop } from '../../model/hop.ts'
import type { PathRules } from '../../model/path-rules.ts'
import { normalizePath } from '../../route/normalize-path.ts'
import type { RequestStep, Verdict } from '../step.ts'

const INTERNAL = 13

/**
 * Puts the path in order before anything is decided on it: what routes and policies saw is what is sent on. Not a
 * filter of Envoy's, but what its connection manager does first (normalize_path and its neighbours).
 */
export class NormalizePathStep implements RequestStep {
  readonly #rules: PathRules

  constructor(rules: PathRules) {
    this.#rules = rules
  }

  decide(_hop: Hop, head: RequestHead): Verdict {
    const normal = normalizePath(head.path, this.#rules)
    if (typeof normal === 'string') {
      head.path = normal
      return undefined
    }
    if (normal.kind === 'refused') {
      const details = `path_normalization_failed{${normal.reason}}`
      const reply = { status: 400, details, text: `bad path: ${normal.message}`, grpcStatus: INTERNAL }
      return { kind: 'answer', flags: 0, reply }
    }
    const reply = {
      status: 307,
      details: 'path_normalization_redirect',
      text: '',
      grpcStatus: INTERNAL,
      fields: ['location', normal.path],
    }
    return { kind: 'answer', flags: 0, reply }
  }
}
