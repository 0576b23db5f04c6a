//! A copy of the whole vault, with the key that opens it, against its owner.

use anyhow::Result;
use moorline::Error;
use moorline_tests::{World, audit};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_of_the_vault_against_its_owner_is_caught_within_a_step() -> Result<()> {
    for thief_is_first in [true, false] {
        let world = World::start().await?;
        let owner = world.signed_in().await?;
        let thiefs_device = world.device.copied()?;
        let thief = thiefs_device.app(world.server.dev())?;
        let (first, second) = if thief_is_first { (&thief, &owner) } else { (&owner, &thief) };

        first.refresh(None).await?;
        let caught = second.refresh(None).await;
        assert!(matches!(caught, Err(Error::NeedsReauth(_))), "{caught:?}");
        let ended = first.refresh(None).await;
        assert!(matches!(ended, Err(Error::NeedsReauth(_))), "{ended:?}");
        assert_eq!(audit::count(&world.server, "refresh.reuse")?, 1);
    }
    Ok(())
}
