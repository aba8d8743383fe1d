import t from 'tap'
import { formatProxyProtocolPorts, parseProxyProtocolPorts } from './proxy-protocol.ts'

t.test('ports and versions are read, and written as they are read', (t) => {
  const ports = parseProxyProtocolPorts(' 8080=v2, 5432=v1,')
  t.same(
    [...ports],
    [
      [8080, 'v2'],
      [5432, 'v1'],
    ],
  )
  t.equal(formatProxyProtocolPorts(ports), '8080=v2,5432=v1')
  t.equal(parseProxyProtocolPorts('').size, 0)
  t.equal(parseProxyProtocolPorts('65535=v1').get(65535), 'v1')
  t.end()
})

t.test('what says nothing clear is refused with what to write', (t) => {
  for (const bad of [
    '8080',
    '8080=v3',
    '8080=V2',
    '0=v1',
    '65536=v1',
    '08=v1',
    '8080 = v1',
    '=v1',
    '8080=v1 9=v2',
  ])
    t.throws(() => parseProxyProtocolPorts(bad), {
      code: 'annotation.invalid',
      message: `"${bad}" must be a port from 1 to 65535 with =v1 or =v2, such as 8080=v2`,
    })
  t.throws(() => parseProxyProtocolPorts('15006=v1'), { message: 'port 15006 belongs to the sidecar' })
  t.throws(() => parseProxyProtocolPorts('80=v1,80=v2'), { message: 'port 80 stands twice' })
  const many = Array.from({ length: 129 }, (_, i) => `${i + 1}=v1`).join(',')
  t.throws(() => parseProxyProtocolPorts(many), { message: 'has more than 128 ports' })
  t.end()
})
