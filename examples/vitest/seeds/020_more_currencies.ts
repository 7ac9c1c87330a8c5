// Seeds may be programs: this one takes what Node knows of currencies.
import { stack } from 'poststack/run'

for (const code of ['CHF', 'GBP', 'KWD']) {
  const { maximumFractionDigits: digits } = new Intl.NumberFormat('en', {
    style: 'currency',
    currency: code,
  }).resolvedOptions()
  await stack.sql`INSERT INTO currencies (code, digits) VALUES (${code}, ${digits}) ON CONFLICT DO NOTHING`
}
