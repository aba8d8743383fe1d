import type { X509Certificate } from 'node:crypto'
import {
  content,
  contextItems,
  contextValue,
  fromDer,
  isBoolean,
  items,
  oidOf,
  Tag,
  type Asn1,
} from './der.ts'
import { Oid } from './oids.ts'

/** What a CA certificate allows to those below it (RFC 5280 section 4.2.1). */
export interface CaLimits {
  /** CAs that may follow below; undefined: any number. */
  readonly pathLength: number | undefined
  /** Undefined: no key usage extension, which allows everything. */
  readonly certSign: boolean | undefined
  /** Empty: no such extension, or any use. */
  readonly extKeyUsage: readonly string[]
  readonly permitted: NameTrees
  readonly excluded: NameTrees
}

/** Bases of name constraints; of a kind without any, every name is meant. */
export interface NameTrees {
  readonly dns: readonly string[]
  readonly uri: readonly string[]
}

const NO_TREES: NameTrees = { dns: [], uri: [] }

/** Throws WeftError `der.malformed`. */
export function caLimits(certificate: X509Certificate): CaLimits {
  const limits = {
    pathLength: undefined as number | undefined,
    certSign: undefined as boolean | undefined,
    extKeyUsage: [] as readonly string[],
    permitted: NO_TREES,
    excluded: NO_TREES,
  }
  for (const { id, value } of extensionsOf(certificate)) {
    if (id === Oid.basicConstraints) limits.pathLength = pathLength(value)
    else if (id === Oid.keyUsage)
      limits.certSign = ((content(value, Tag.BIT_STRING, 'keyUsage')[1] ?? 0) & 0x04) !== 0
    else if (id === Oid.extKeyUsage) {
      const uses = items(value, Tag.SEQUENCE, 'extKeyUsage').map((use) => oidOf(use, 'extKeyUsage'))
      limits.extKeyUsage = uses.includes(Oid.anyExtendedKeyUsage) ? [] : uses
    } else if (id === Oid.nameConstraints) {
      for (const part of items(value, Tag.SEQUENCE, 'nameConstraints')) {
        limits.permitted = trees(contextItems(part, 0)) ?? limits.permitted
        limits.excluded = trees(contextItems(part, 1)) ?? limits.excluded
      }
    }
  }
  return limits
}

/** Why no certificate with this name may stand below, or undefined. RFC 5280 section 4.2.1.10. */
export function nameProblem(limits: CaLimits, kind: 'dns' | 'uri', name: string): string | undefined {
  const within = kind === 'dns' ? dnsWithin : hostWithin
  const what = kind === 'dns' ? `DNS name ${name}` : `trust domain ${name}`
  const against = limits.excluded[kind].find((base) => within(name, base))
  if (against !== undefined) return `its name constraints exclude ${what} (by "${against}")`
  const bases = limits.permitted[kind]
  if (bases.length === 0 || bases.some((base) => within(name, base))) return undefined
  return `its name constraints do not permit ${what} (only ${bases.map((base) => `"${base}"`).join(', ')})`
}

/** Labels may be added on the left. */
function dnsWithin(name: string, base: string): boolean {
  const tree = base.replace(/^\./, '').toLowerCase()
  return tree === '' || name === tree || name.endsWith(`.${tree}`)
}

/** The host of a URI: exactly this one, or with a leading dot those below it. */
function hostWithin(host: string, base: string): boolean {
  const tree = base.toLowerCase()
  return tree.startsWith('.') ? host.endsWith(tree) : host === tree
}

function extensionsOf(certificate: X509Certificate): { id: string; value: Asn1 }[] {
  const [tbs] = items(fromDer(certificate.raw, 'certificate'), Tag.SEQUENCE, 'certificate')
  for (const item of items(tbs, Tag.SEQUENCE, 'tbsCertificate')) {
    const wrapped = contextItems(item, 3)
    if (!wrapped) continue
    return items(wrapped[0], Tag.SEQUENCE, 'extensions').flatMap((extension) => {
      const parts = items(extension, Tag.SEQUENCE, 'extension')
      const id = oidOf(parts[0], 'extension id')
      if (!READ.has(id)) return []
      const bytes = content(parts[isBoolean(parts[1]) ? 2 : 1], Tag.OCTET_STRING, `value of extension ${id}`)
      return [{ id, value: fromDer(bytes, `extension ${id}`) }]
    })
  }
  return []
}

const READ: ReadonlySet<string> = new Set([
  Oid.basicConstraints,
  Oid.keyUsage,
  Oid.extKeyUsage,
  Oid.nameConstraints,
])

function pathLength(value: Asn1): number | undefined {
  const parts = items(value, Tag.SEQUENCE, 'basicConstraints')
  const number = parts.find((part) => !isBoolean(part))
  if (!number) return undefined
  const bytes = content(number, Tag.INTEGER, 'pathLenConstraint')
  return bytes.length > 4 ? Number.MAX_SAFE_INTEGER : bytes.readIntBE(0, bytes.length)
}

function trees(subtrees: Asn1[] | undefined): NameTrees | undefined {
  if (!subtrees) return undefined
  const dns: string[] = []
  const uri: string[] = []
  for (const subtree of subtrees) {
    const [base] = items(subtree, Tag.SEQUENCE, 'GeneralSubtree')
    const name = base && contextValue(base)
    if (name?.n === 2) dns.push(name.bytes.toString('latin1'))
    else if (name?.n === 6) uri.push(name.bytes.toString('latin1'))
  }
  return { dns, uri }
}
