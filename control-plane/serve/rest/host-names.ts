import { isIP } from 'node:net'

/**
 * Whether a request is for this server, by its Host (RFC 9110 section 7.2). A page of another site whose name was made to
 * resolve to this server (DNS rebinding) reads with that name in Host. Addresses are no names, so nobody can rebind them;
 * `localhost` never leaves the machine (RFC 6761 section 6.3). `names`, in lower case: others that are this server's.
 * Of a name in the cluster each short form is meant too: `weft-control-plane.weft-system` of `...weft-system.svc`. Of
 * others none: what `mesh.co.uk` begins with, `mesh.co`, is somebody else's.
 */
export function isOwnHost(host: string, names: readonly string[]): boolean {
  const [, literal, name = ''] =
    /^(?:\[([0-9a-f:.]+)\]|([a-z0-9._-]+?)\.?)(?::\d{1,5})?$/.exec(host.toLowerCase()) ?? []
  if (literal !== undefined) return isIP(literal) === 6
  if (isIP(name) === 4 || name === 'localhost') return true
  return name !== '' && names.some((own) => own === name || shortForms(own).includes(name))
}

/** By which pods find a Service, see resolv.conf: its name, with its namespace, with `svc`. */
function shortForms(name: string): string[] {
  const [, service, namespace] = /^([^.]+)\.([^.]+)\.svc(?:\.|$)/.exec(name) ?? []
  if (service === undefined || namespace === undefined) return []
  return [service, `${service}.${namespace}`, `${service}.${namespace}.svc`]
}
