import t from 'tap'
import { annotations } from '../../injector/annotations.ts'
import { WeftError } from '../../core/errors.ts'
import type { PodObject } from '../registry/kinds/core.ts'
import { capturedPortsOf } from './captured-ports.ts'

const pod = (said: Readonly<Record<string, string>>): PodObject => ({
  kind: 'Pod',
  meta: {
    namespace: 'shop',
    name: 'web',
    labels: {},
    annotations: Object.fromEntries(Object.entries(said).map(([name, value]) => [`weft.dev/${name}`, value])),
    createdAt: 0,
    generation: 0,
  },
  uid: '',
  serviceAccount: 'web',
  owner: undefined,
  hostNetwork: false,
  ips: [],
  containers: [],
  ports: [],
  node: '',
  finished: false,
})

t.test('read as the injector reads them; a wrong one counts as absent', (t) => {
  const meant = <T>(parse: (text: string) => T, text: string, otherwise: T): T => {
    try {
      return parse(text)
    } catch (error) {
      if (error instanceof WeftError) return otherwise
      throw error
    }
  }
  for (const text of [
    '',
    '*',
    '80',
    ' 80 , 443,',
    '80,80',
    '0',
    '65535',
    '65536',
    '080',
    'http',
    '80;443',
    '-1',
  ])
    t.strictSame(
      capturedPortsOf(pod({ 'include-inbound-ports': text, 'exclude-inbound-ports': text })),
      {
        include: meant<readonly number[] | '*'>(annotations['include-inbound-ports'].parse, text, '*'),
        exclude: meant<readonly number[]>(annotations['exclude-inbound-ports'].parse, text, []),
      },
      JSON.stringify(text),
    )
  t.equal(capturedPortsOf(pod({})), capturedPortsOf(pod({})), 'pods that say nothing share one object')
  t.end()
})
