import { TOKEN_KEYS_CONFIG_MAP, TOKEN_KEYS_KEY } from '../../core/contract.ts'
import { readKeptKeys, writeKeptKeys, type KeptKeys } from '../jwks/kept-keys.ts'
import type { KubernetesConnection } from '../kubernetes/connection.ts'
import { findObject } from '../kubernetes/find-object.ts'
import { WorkQueue } from './work-queue.ts'
import { APPLY, FIELD_MANAGER, OWN_LABELS, type StartWriter } from './writer.ts'

/** Keeps the last good keys of token issuers in a ConfigMap of the installation, for control planes that start while issuers are away. */
export const writeTokenKeys: StartWriter = (context) => {
  const { connection, namespace, tokenKeys } = context
  const queue = new WorkQueue({
    ...context,
    what: 'the ConfigMap with keys of token issuers',
    async reconcile(name) {
      const before = await keptText(connection, namespace)
      const text = writeKeptKeys(tokenKeys.value, readKeptKeys(before))
      // A mesh without such issuers has no such object.
      if (text === (before ?? '{}')) return
      await connection.request({
        method: 'PATCH',
        path: `${collection(namespace)}/${name}`,
        query: { fieldManager: FIELD_MANAGER, force: true },
        contentType: APPLY,
        body: {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { namespace, name, labels: OWN_LABELS },
          data: { [TOKEN_KEYS_KEY]: text },
        },
      })
    },
  })
  const add = (): void => queue.add(TOKEN_KEYS_CONFIG_MAP)
  const unwatch = tokenKeys.watch(add)
  add()
  return {
    async stop() {
      unwatch()
      await queue.stop()
    },
  }
}

/** What a control plane before this one kept. Throws KubernetesError. */
export async function keptInCluster(
  connection: Pick<KubernetesConnection, 'request'>,
  namespace: string,
): Promise<KeptKeys> {
  return readKeptKeys(await keptText(connection, namespace))
}

async function keptText(
  connection: Pick<KubernetesConnection, 'request'>,
  namespace: string,
): Promise<string | undefined> {
  const found = await findObject(connection, collection(namespace), TOKEN_KEYS_CONFIG_MAP)
  return (found?.['data'] as Readonly<Record<string, string>> | undefined)?.[TOKEN_KEYS_KEY]
}

function collection(namespace: string): string {
  return `/api/v1/namespaces/${namespace}/configmaps`
}
