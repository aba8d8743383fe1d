import type { Fields } from '../../../control-plane/registry/fields.ts'
import type { KnownObjects } from '../known-objects.ts'
import type { ObjectId } from '../manifests.ts'
import type { Notes } from '../notes.ts'
import { POLICY_GROUP, requiredSources } from './authentications.ts'

/** Names what an AuthorizationPolicy of Linkerd loses; what it lets in is in what its Servers become. */
export function noteAuthorizationPolicy(
  object: Fields,
  own: ObjectId,
  { known, notes }: { readonly known: KnownObjects; readonly notes: Notes },
): void {
  const spec = object.map('spec')
  const target = spec.map('targetRef')
  const kind = target.requiredText('kind')
  const name = target.requiredText('name')
  target.skip('group')
  target.refuseUnknown()
  requiredSources(spec, own, { known, notes })
  spec.refuseUnknown()
  const servers = known.ofKind('Server', POLICY_GROUP).filter(({ namespace }) => namespace === own.namespace)
  const missing =
    kind === 'Namespace'
      ? name !== own.namespace || servers.length === 0
      : kind === 'Server'
        ? servers.every((server) => server.name !== name)
        : kind === 'HTTPRoute' || kind === 'GRPCRoute'
          ? known.objects.every(
              (one) => one.kind !== kind || one.namespace !== own.namespace || one.name !== name,
            )
          : true
  if (missing)
    notes.lost(
      target.path,
      `${kind} ${name}, with a Server that it is about, is not in the input, so that nobody is let in by this policy`,
      'add the Server, and the route where there is one, to the input',
    )
}
