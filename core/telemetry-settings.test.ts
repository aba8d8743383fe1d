import t from 'tap'
import { readTelemetrySettings, telemetryTexts } from './telemetry-settings.ts'

t.test('annotations are handed on as they are written, those that are wrong are not', async (t) => {
  const annotations = {
    'weft.dev/trace-sampling': ' 0.5 ',
    'weft.dev/trace-slow': '250ms',
    'weft.dev/trace-kept': 'many',
    'weft.dev/access-log': 'errors',
    'weft.dev/access-log-filter': 'status>=500',
    'other.dev/access-log': 'all',
    'weft.dev/opaque-ports': '1',
  }
  const texts = telemetryTexts(annotations, 'weft.dev/')
  t.same(texts, { 'trace-sampling': '0.5', 'trace-slow': '250ms', 'access-log-filter': 'status>=500' })
  const settings = readTelemetrySettings(texts)
  t.match(settings, { 'trace-sampling': 0.5, 'trace-slow': 250 })
  t.equal(settings['access-log-filter']?.length, 1)
  t.equal(settings['access-log'], undefined)
})

t.test('a sidecar is told which of them is wrong', async (t) => {
  for (const [texts, field] of [
    [{ 'trace-sampling': '2' }, 'trace-sampling'],
    [{ 'trace-slow': '5' }, 'trace-slow'],
    [{ 'trace-slow': '2h' }, 'trace-slow'],
    [{ 'trace-kept': '101' }, 'trace-kept'],
    [{ 'access-log': 'loud' }, 'access-log'],
    [{ 'access-log-filter': 'x' }, 'access-log-filter'],
    [{ 'access-log-sampling': '-1' }, 'access-log-sampling'],
    [{ 'access-log-otlp': 'yes' }, 'access-log-otlp'],
    [{ 'access-log': true }, 'access-log'],
    [{ toString: 'all' }, 'toString'],
  ] as const)
    t.throws(() => readTelemetrySettings(texts), { code: 'telemetry.setting', field })
  t.same(readTelemetrySettings({ 'trace-slow': '0', 'trace-kept': '0', 'access-log-otlp': 'on' }), {
    'trace-slow': 0,
    'trace-kept': 0,
    'access-log-otlp': true,
  })
})
