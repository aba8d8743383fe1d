import type { Mesh } from '../../model/mesh.ts'
import type { CallRow, ObservedWorkload } from '../telemetry/observed-view.ts'

/** Whether each pod that was called so, as far as it is there, takes no plaintext any more. */
export function takesNoPlaintext(
  mesh: Mesh | undefined,
  { namespace, pods }: Pick<ObservedWorkload, 'namespace' | 'pods'>,
  call: CallRow,
): boolean {
  const workloadAt = (pod: string) => mesh?.workloads.get(`${namespace}/${pod}`) ?? []
  const called = Object.keys(call.pods).flatMap(workloadAt)
  const asked = called.length > 0 ? called : pods.flatMap(({ name }) => workloadAt(name))
  return (
    asked.length > 0 &&
    asked.every(({ mtls, ports }) => {
      const own = ports.find(({ port }) => port === call.port)?.mtls
      return (own ?? mtls).value === 'STRICT'
    })
  )
}
