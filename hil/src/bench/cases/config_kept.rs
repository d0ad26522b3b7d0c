//! A setting: written, read back, and still there after the power was gone.

use rtk_reader::receiver::{Item, KeyId, Layer, Layers, Request, Transaction};

use super::super::case::{Case, Fault, Measure, Measured, Need, Outcome, Running};
use super::super::link::Link;
use super::super::{BenchError, Unit, stage::Stage};

pub const CASE: Case = Case {
    name: "config_kept",
    about: "a setting is written, read back and kept over a power cycle",
    measures: &[
        Measure::new("read_back", Unit::Count, "1 if what is read is what was written"),
        Measure::new("kept", Unit::Count, "1 if it is still so after the power cycle"),
        Measure::new("restored", Unit::Count, "1 if it is as it was before the case again"),
    ],
    needs: &[Need::Fault(Fault::PowerCycle)],
    run,
};

/// CFG-TMODE-FIXED_POS_ACC: what a base claims for its fixed position, 0.1 mm. It changes nothing that is measured here.
const KEY: KeyId = KeyId(0x4003_000F);
const SAVED: [(Layer, Layers); 2] = [(Layer::Bbr, Layers::BBR), (Layer::Flash, Layers::FLASH)];

fn run(stage: &mut Stage) -> Running<'_> {
    Box::pin(async move {
        let link = stage.link().await?;
        let before = value(link, Layer::Ram).await?.unwrap_or_default();
        let mut saved = Vec::new();
        for (layer, layers) in SAVED {
            saved.push((layers, value(link, layer).await?));
        }
        let new = before ^ 1;
        let item = |value| Item { key: KEY, value };
        link.set(Layers(Layers::RAM.0 | Layers::SAVED.0), &[item(new)]).await?;
        let read_back = value(link, Layer::Ram).await? == Some(new);
        stage.release().await?;
        stage.hands.power_cycle(stage.clock).await?;
        let link = stage.link().await?;
        let kept = value(link, Layer::Ram).await? == Some(new);
        for (layers, saved) in saved {
            match saved {
                Some(value) => link.set(layers, &[item(value)]).await?,
                None => delete(link, layers).await?,
            }
        }
        link.set(Layers::RAM, &[item(before)]).await?;
        let restored = value(link, Layer::Ram).await? == Some(before);
        Ok(Outcome::Measured(vec![
            Measured::yes("read_back", read_back),
            Measured::yes("kept", kept),
            Measured::yes("restored", restored),
        ]))
    })
}

/// The value in a layer; none if it isn't there, which a receiver tells by refusing.
async fn value(link: &mut Link, layer: Layer) -> Result<Option<u64>, BenchError> {
    match link.get(layer, &[KEY]).await {
        Ok(items) => Ok(items.iter().find(|item| item.key == KEY).map(|item| item.value)),
        Err(BenchError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn delete(link: &mut Link, layers: Layers) -> Result<(), BenchError> {
    link.tell(&Request::Delete { layers, transaction: Transaction::None, keys: vec![KEY] }).await.map(drop)
}
