import { PROXY_CONTAINER } from '../../../core/contract.ts'
import type { MeshObject } from '../../../control-plane/registry/kinds/kinds.ts'
import { parseManifests, readMeshObject } from '../../../control-plane/registry/parse-manifests.ts'

/** The pod payments/pay-1 (`app: pay`, 10.0.0.9, ports 8080, 9090 and 5432) with a sidecar, and what is in `manifests`. */
export function payObjects(manifests: string): readonly MeshObject[] {
  const pod = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { namespace: 'payments', name: 'pay-1', labels: { app: 'pay' } },
    spec: {
      serviceAccountName: 'pay',
      containers: [
        { name: 'app', ports: [8080, 9090, 5432].map((containerPort) => ({ containerPort })) },
        { name: PROXY_CONTAINER },
      ],
    },
    status: { podIP: '10.0.0.9' },
  }
  const parsed = parseManifests('policies.yaml', manifests)
  const [error] = parsed.errors
  if (error) throw new Error(JSON.stringify(error))
  const { object } = readMeshObject({ value: pod })
  if (!object) throw new Error('no pod')
  return [object, ...parsed.objects.map((one) => one.object)]
}

/** A MeshPolicy whose default decision this is, as YAML. */
export function meshPolicy(spec: string): string {
  return `apiVersion: weft.dev/v1alpha1
kind: MeshPolicy
metadata: { namespace: weft-system, name: default }
spec: ${spec}
`
}
