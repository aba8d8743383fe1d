import type { RequestHead } from '../http/message.ts'
import type { Hop } from '../model/hop.ts'
import type { HttpConnectionManager } from '../model/listener.ts'
import type { PathRules } from '../model/path-rules.ts'
import type { ForwardAction, Route, WeightedCluster } from '../model/route.ts'
import { normalizePath } from '../route/normalize-path.ts'
import { mutateRequest, rewriteRequest } from '../route/rewrite.ts'
import { prepareRequest } from './hop-headers.ts'
import type { LocalReply } from './reply.ts'

/** Changes a head as its route says. A reply: it goes no further, as its path after the rewrite is none that may be sent. */
export function applyRoute(
  head: RequestHead,
  route: Route,
  action: ForwardAction,
  paths: PathRules,
): LocalReply | undefined {
  rewriteRequest(head, route.match, action)
  const reply = action.rewrite.path && rewrittenBadly(head, paths)
  if (reply) return reply
  mutateRequest(head, route.requestHeaders)
  return undefined
}

/** The request as it goes to this cluster. */
export function applyBackend(
  head: RequestHead,
  { requestHeaders }: WeightedCluster,
  hop: Hop,
  settings: HttpConnectionManager,
  http2: boolean,
): void {
  mutateRequest(head, requestHeaders)
  prepareRequest(hop, settings, head)
  // HTTP/2 has lower case alone, whatever the route's filters say.
  if (http2 || !settings.keepFieldCase) head.spelling = undefined
}

/** A rewrite may leave what a request could not have sent, `/foo../admin` becomes `/../admin`. */
function rewrittenBadly(head: RequestHead, paths: PathRules): LocalReply | undefined {
  const normal = normalizePath(head.path, paths)
  if (typeof normal !== 'string' && normal.kind === 'refused') {
    const text = `bad path after its rewrite: ${normal.message}`
    return { status: 400, details: `path_normalization_failed{${normal.reason}}`, text }
  }
  head.path = typeof normal === 'string' ? normal : normal.path
  return undefined
}
