import t from 'tap'
import { namedHosts } from './named-hosts.ts'

t.test('every host that a request names', async (t) => {
  const named = (url: string, ...rawHeaders: string[]) => namedHosts({ url, rawHeaders })
  t.strictSame(named('/a', 'Accept', 'host', 'HOST', 'a:1'), ['a:1'], 'a value is no name')
  t.strictSame(named('/http://b/', 'host', 'a'), ['a'])
  t.strictSame(named('HTTP://b:2/c', 'host', 'a'), ['b:2', 'a'], 'RFC 9112 section 3.2.2')
  t.strictSame(named('http://b?c', 'host', 'a'), ['b', 'a'])
  t.strictSame(
    named('/', 'host', 'a', 'Host', 'a'),
    [],
    'RFC 9112 section 3.2: more than one is a bad request',
  )
  t.strictSame(named('http://b/', 'accept', '*/*'), [])
  t.strictSame(named('/', 'host', ''), [''])
})
