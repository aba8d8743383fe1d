import type { Sidecar } from '../../../core/api/sidecars.ts'
import { Panel } from '../parts/pieces.tsx'

const MOST_SHOWN = 50

/** Sidecars that refused what they were sent (NACK), with why. */
export function Refusing({ sidecars }: { sidecars: readonly Sidecar[] }) {
  const refusing = sidecars.filter(({ rejected }) => rejected !== '')
  if (refusing.length === 0) return null
  return (
    <Panel title="Configuration that was refused" hint="these proxies go on with what they took before">
      <ul class="findings">
        {refusing.slice(0, MOST_SHOWN).map(({ pod, namespace, rejected }) => (
          <li key={`${namespace}/${pod}`} class="error">
            <b>
              <bdi>{`${pod}.${namespace}`}</bdi>
            </b>{' '}
            <bdi>{rejected}</bdi>
          </li>
        ))}
        {refusing.length > MOST_SHOWN && (
          <li class="dim">and {refusing.length - MOST_SHOWN} more in the table</li>
        )}
      </ul>
    </Panel>
  )
}
