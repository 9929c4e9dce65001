import { toString as draw } from 'qrcode';

/** The text as a QR code, SVG without any style of its own. */
export function qrCode(text: string): Promise<string> {
  return draw(text, { type: 'svg', errorCorrectionLevel: 'L', margin: 2 });
}
