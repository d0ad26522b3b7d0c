//! Sentences that the receiver is told and asked by: u-blox's `PUBX,40` and `PUBX,41`, and the standard's polls. None has an
//! answer of its own; what isn't understood is passed over (UBX-22008968, "NMEA PUBX messages", "NMEA standard messages").

use rtk_reader::frame::Protocol;
use rtk_reader::receiver::{Output, Port};

use super::{Effect, Receiver, Refused, legacy, outputs};

impl Receiver {
    pub(super) fn handle_sentence(&mut self, port: Port, frame: &[u8], effects: &mut Vec<Effect>) {
        let Ok(text) = std::str::from_utf8(frame) else { return };
        let body = text.trim_start_matches('$').split('*').next().unwrap_or_default();
        let fields: Vec<&str> = body.trim_end().split(',').collect();
        match fields.as_slice() {
            ["PUBX", rest @ ..] => {
                let before: Vec<_> = self.bauds().collect();
                // Refused, nothing has changed.
                let _ = self.obey_pubx(rest);
                self.tell_bauds(&before, effects);
            }
            [address, sentence] if is_poll(address) => self.say(port, sentence, effects),
            _ => {}
        }
    }

    fn obey_pubx(&mut self, fields: &[&str]) -> Result<(), Refused> {
        let decimal = |field: &&str| field.parse::<u32>().map_err(|_| Refused);
        let mask = |field: &str| u16::from_str_radix(field, 16).map_err(|_| Refused);
        match fields {
            // The last field is for a port that there is no more.
            ["40", sentence, rates @ .., _] if rates.len() == Port::ALL.len() => {
                let rates: Result<Vec<u8>, Refused> =
                    rates.iter().map(|rate| rate.parse().map_err(|_| Refused)).collect();
                legacy::set_sentence_rates(&mut self.config, sentence, &rates?)
            }
            ["41", number, takes, gives, baud, _] => {
                let number = number.parse().map_err(|_| Refused)?;
                legacy::set_protocols(&mut self.config, number, mask(takes)?, mask(gives)?, decimal(baud)?)
            }
            _ => Err(Refused),
        }
    }

    /// A sentence that was asked for, of the last epoch.
    fn say(&mut self, port: Port, sentence: &str, effects: &mut Vec<Effect>) {
        let asked = |output: &Output| matches!(output, Output::Nmea(name) if *name == sentence);
        let Some((_, message)) = outputs::ORDER.into_iter().find(|(output, _)| asked(output)) else { return };
        let frames = self.last_epoch.as_ref().map(|epoch| epoch.message(message, false)).unwrap_or_default();
        frames.into_iter().for_each(|frame| self.send(port, Protocol::Nmea, frame, effects));
    }
}

/// Who asks, in two letters, and of which systems: `EIGNQ`, `EIGPQ`.
fn is_poll(address: &str) -> bool {
    let of_systems = address.get(2..).unwrap_or_default();
    !address.starts_with('P') && ["GPQ", "GLQ", "GAQ", "GBQ", "GQQ", "GNQ"].contains(&of_systems)
}
