import type { Json } from '../../injector/json-patch.ts'
import { textAt } from '../cluster/objects.ts'
import { failed, ok, unknown, type Check } from './finding.ts'

/** The oldest that Weft is for: native sidecars and sleeping preStop hooks are stable there. */
const LEAST = 33

export const serverVersion: Check = {
  name: 'Kubernetes',
  async run({ connection }) {
    const version = (await connection.request({ method: 'GET', path: '/version' })) as Json
    const text = textAt(version, 'gitVersion')
    const [, major = '', minor = ''] = /^v(\d+)\.(\d+)/.exec(text) ?? []
    if (minor === '') return [unknown(`${connection.server} says no version`)]
    const late = Number(major) > 1 || Number(minor) >= LEAST
    return [late ? ok(`${text} at ${connection.server}`) : failed(`${text} is older than v1.${LEAST}`)]
  },
}
