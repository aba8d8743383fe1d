import t from 'tap'
import { hostTest, lenientHost } from './lenient-host.ts'

t.test('hosts as the most lenient application reads them', (t) => {
  for (const [host, read] of [
    ['pay.example', 'pay.example'],
    ['pay.example:8080', 'pay.example:8080'],
    ['pay.example.', 'pay.example'],
    ['Pay.example.:08080', 'pay.example:8080'],
    ['pay.example:', 'pay.example'],
    ['pay.example:0', 'pay.example:0'],
    ['%70ay%2Eexample', 'pay.example'],
    ['pay.example%2e:80', 'pay.example:80'],
    ['[::1]:080', '[::1]:80'],
    ['[::1]', '[::1]'],
    ['a:b:', 'a:b:'],
    ['%', '%'],
    ['', ''],
  ] as const)
    t.equal(lenientHost(host), read, host)
  t.end()
})

t.test('one that some read as another can not be told', (t) => {
  const exact = hostTest({ type: 'exact', value: 'pay.example', ignoreCase: true })
  t.equal(exact('pay.example'), true)
  t.equal(exact('PAY.example'), true)
  t.equal(exact('pay.example.'), undefined)
  t.equal(exact('%70ay.example'), undefined)
  t.equal(exact('shop.example.'), false, 'nobody reads it as what was asked for')
  const port = hostTest({ type: 'exact', value: 'pay.example:8080', ignoreCase: true })
  t.equal(port('pay.example:08080'), undefined)
  const end = hostTest({ type: 'suffix', value: '.example', ignoreCase: true })
  t.equal(end('pay.example'), true)
  t.equal(end('pay.example.'), undefined)
  const beginning = hostTest({ type: 'prefix', value: 'pay.', ignoreCase: true })
  t.equal(beginning('pay.example.'), true)
  t.equal(beginning('\xff'), undefined, 'no UTF-8')
  t.end()
})
