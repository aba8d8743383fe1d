import { INJECT_LABEL } from '../../core/contract.ts'
import packageJson from '../../package.json' with { type: 'json' }
import { parseObject } from '../manifest/parse-object.ts'
import type { ParsedObject } from '../manifest/parse-object.ts'
import { INGRESS } from '../pod/images.ts'

/** Where connections of this machine enter the mesh: the pod's identity is that of this namespace and account. */
export const INGRESS_NAMESPACE = 'weft-ingress'
export const INGRESS_UID = 1340

/** A pod with a sidecar of its own that calls Services for this machine; its forwarder's socket is in `directory`. */
export function ingressObjects(directory: string, socketPath: string): ParsedObject[] {
  const labels = { app: INGRESS }
  const metadata = { name: INGRESS, namespace: INGRESS_NAMESPACE }
  return [
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: INGRESS_NAMESPACE, labels: { [INJECT_LABEL]: 'enabled' } },
    },
    { apiVersion: 'v1', kind: 'ServiceAccount', metadata },
    {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { ...metadata, labels },
      spec: {
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            serviceAccountName: INGRESS,
            terminationGracePeriodSeconds: 1,
            containers: [
              {
                name: 'ingress',
                image: `${INGRESS}:${packageJson.version}`,
                args: ['local', 'ingress', socketPath],
                securityContext: {
                  runAsUser: INGRESS_UID,
                  allowPrivilegeEscalation: false,
                  capabilities: { drop: ['ALL'] },
                },
                volumeMounts: [{ name: 'socket', mountPath: directory }],
              },
            ],
            volumes: [{ name: 'socket', hostPath: { path: directory } }],
          },
        },
      },
    },
  ].map((object) => parseObject(object, () => {}, new Set([directory])))
}
