import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { outOfBounds } from '../../control-plane/registry/yaml-bounds.ts'
import { isMap, parseAllDocuments, stringify, type Document } from 'yaml'
import { KubernetesError } from '../../control-plane/kubernetes/api-error.ts'
import type { KubernetesConnection } from '../../control-plane/kubernetes/connection.ts'
import { openConnection } from '../../control-plane/kubernetes/open-connection.ts'
import { WeftError } from '../../core/errors.ts'
import { listAt, listObjects, textAt } from '../cluster/objects.ts'
import type { Json, JsonObject } from '../../injector/json-patch.ts'
import type { Revoked } from './revoked.ts'

const API_VERSION = 'weft.dev/v1alpha1'
const KIND = 'IdentityRevocation'

/** One IdentityRevocation that is there. */
export interface KnownRevocation {
  readonly name: string
  readonly identities: readonly string[]
  readonly serials: readonly string[]
  readonly fingerprints: readonly string[]
  readonly reason: string
  /** When it was made; null of a file. */
  readonly since: string | null
}

/** Where IdentityRevocations are kept: a cluster or a file of manifests. All throw WeftError. */
export interface Revocations {
  list(): Promise<readonly KnownRevocation[]>
  /** The same one twice is one. */
  put(revoked: Revoked, reason: string): Promise<void>
  /** False: there is none of that name. */
  remove(name: string): Promise<boolean>
  close(): Promise<void>
}

export interface RevocationFlags {
  readonly file: string | undefined
  readonly kubeconfig: string | undefined
  readonly context: string | undefined
  readonly 'weft-namespace': string
}

export async function openRevocations(flags: RevocationFlags): Promise<Revocations> {
  const namespace = flags['weft-namespace']
  if (flags.file !== undefined) return fileRevocations(flags.file, namespace)
  return clusterRevocations(await openConnection(flags), namespace)
}

function manifest(namespace: string, { name, spec }: Revoked, reason: string) {
  return {
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name, namespace },
    spec: { ...spec, ...(reason === '' ? {} : { reason }) },
  }
}

function clusterRevocations(connection: KubernetesConnection, namespace: string): Revocations {
  const path = `/apis/${API_VERSION}/namespaces/${namespace}/identityrevocations`
  return {
    list: async () => (await listObjects(connection, path)).map(({ body }) => known(body)),
    async put(revoked, reason) {
      await connection.request({
        method: 'PATCH',
        path: `${path}/${revoked.name}`,
        query: { fieldManager: 'weft-identity', force: true },
        contentType: 'application/apply-patch+yaml',
        body: manifest(namespace, revoked, reason),
      })
    },
    async remove(name) {
      try {
        await connection.request({ method: 'DELETE', path: `${path}/${name}` })
        return true
      } catch (error) {
        if (error instanceof KubernetesError && error.status === 404) return false
        throw error
      }
    },
    close: async () => connection.close(),
  }
}

/** Other objects of the file stay as they are; it is replaced as a whole, for whoever follows it. */
function fileRevocations(file: string, namespace: string): Revocations {
  const read = (): Document[] => {
    if (!existsSync(file)) return []
    const text = readFileSync(file, 'utf8')
    const beyond = outOfBounds(text)
    if (beyond !== undefined) throw new WeftError('identity.file', `${file} ${beyond}`)
    const documents = parseAllDocuments(text)
    const found = Array.isArray(documents) ? documents : []
    const wrong = found.flatMap(({ errors }) => errors)[0]
    if (wrong) throw new WeftError('identity.file', `${file} is no YAML: ${wrong.message.split('\n')[0]}`)
    return found
  }
  const write = (documents: readonly string[]): void => {
    const temporary = `${file}.new`
    writeFileSync(
      temporary,
      documents.map((text) => text.replace(/^---\n/, '').trimEnd()).join('\n---\n') + '\n',
    )
    renameSync(temporary, file)
  }
  const isRevocation = (document: Document): boolean =>
    isMap(document.contents) &&
    document.get('kind') === KIND &&
    (document.getIn(['metadata', 'namespace']) ?? 'default') === namespace
  const named = (document: Document, name: string): boolean =>
    isRevocation(document) && document.getIn(['metadata', 'name']) === name
  return {
    list: async () =>
      read()
        .filter(isRevocation)
        .map((document) => known(document.toJS() as JsonObject)),
    async put(revoked, reason) {
      const others = read().filter((document) => !named(document, revoked.name))
      const text = stringify(manifest(namespace, revoked, reason), { lineWidth: 0 })
      write([...others.filter(hasContents).map(String), text])
    },
    async remove(name) {
      const all = read()
      const others = all.filter((document) => !named(document, name))
      if (others.length === all.length) return false
      write(others.filter(hasContents).map(String))
      return true
    },
    close: async () => {},
  }
}

function hasContents({ contents }: Document): boolean {
  return contents !== null
}

function known(body: JsonObject): KnownRevocation {
  const texts = (key: string): string[] =>
    listAt(body, 'spec', 'certificates')
      .map((item: Json) => textAt(item, key))
      .filter((text) => text !== '')
  return {
    name: textAt(body, 'metadata', 'name'),
    identities: listAt(body, 'spec', 'identities').filter((item) => typeof item === 'string'),
    serials: texts('serial'),
    fingerprints: texts('sha256'),
    reason: textAt(body, 'spec', 'reason'),
    since: textAt(body, 'metadata', 'creationTimestamp') || null,
  }
}
