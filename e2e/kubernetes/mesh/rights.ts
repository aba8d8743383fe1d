import type { AuditEvent } from './audit.ts'

/** A rule of a Role or ClusterRole. */
export interface Rule {
  readonly apiGroups?: readonly string[]
  readonly resources?: readonly string[]
  readonly resourceNames?: readonly string[]
  readonly verbs: readonly string[]
}

/** One right that a rule gives: `verb group/resource[/subresource] [name]`. */
export type Right = string

/** Every right of the rules, one by one. */
export function rightsOf(rules: readonly Rule[]): Right[] {
  return rules.flatMap(({ apiGroups = [], resources = [], resourceNames = [''], verbs }) =>
    verbs.flatMap((verb) =>
      apiGroups.flatMap((group) =>
        resources.flatMap((resource) => resourceNames.map((name) => right(verb, group, resource, name))),
      ),
    ),
  )
}

/** Of the rights, those that no request made use of. */
export function unusedRights(rights: readonly Right[], events: readonly AuditEvent[]): Right[] {
  const used = new Set(
    events.flatMap(({ verb, objectRef, responseStatus }) => {
      if (responseStatus?.code === 403) return []
      const { apiGroup = '', resource = '', subresource, name = '' } = objectRef ?? {}
      const what = subresource === undefined ? resource : `${resource}/${subresource}`
      // Server-side apply that makes an object is a patch by name, and checked as a creation by that name, too.
      const verbs = verb === 'patch' && responseStatus?.code === 201 ? [verb, 'create'] : [verb]
      return verbs.flatMap((one) => [right(one, apiGroup, what, ''), right(one, apiGroup, what, name)])
    }),
  )
  return rights.filter((one) => !used.has(one))
}

/** Of an event: whether it was a right that decided (Kubernetes, "Audit annotations"). */
const DECISION = 'authorization.k8s.io/decision'

/** Requests that were refused for want of a right, as `user: verb path`. A namespace that is being deleted refuses who has one. */
export function refusedOf(events: readonly AuditEvent[]): string[] {
  return events
    .filter(
      ({ responseStatus, annotations }) =>
        responseStatus?.code === 403 && annotations?.[DECISION] !== 'allow',
    )
    .map(({ user, verb, requestURI }) => `${user.username}: ${verb} ${requestURI}`)
}

function right(verb: string, group: string, resource: string, name: string): Right {
  return `${verb} ${group}/${resource}${name === '' ? '' : ` ${name}`}`
}
