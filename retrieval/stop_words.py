"""The function words of each language we stem: they tell languages apart and mean nothing alone."""

_WORDS = {
    "english": """
        a an the and or but if of in on at by for from to with without into onto than then that this
        these those is are was were be been being am do does did doing have has had having it its he
        him his she her they them their we us our you your i me my who whom whose which what when
        where why how as so not no nor can could will would shall should may might must there here
        about after before between during over under out up down off again all any both each few
        more most other some such only own same too very just
    """,
    "german": """
        der die das den dem des ein eine einen einem einer eines und oder aber wenn weil dass daß ob
        als wie wo wer wen wem was wann warum wieso welche welcher welches welchen in im an am auf
        aus bei beim mit nach von vom vor zu zum zur über unter für durch gegen ohne um bis seit ist
        sind war waren sein seine seinen seiner ihr ihre ihren ihrer hat haben hatte hatten wird
        werden wurde wurden kann können konnte soll muss nicht kein keine auch nur noch schon sehr
        so es er sie wir ich du man sich mir mich uns euch diese dieser dieses diesen
    """,
    "spanish": """
        el la los las lo un una unos unas y e o u pero si porque que de del al a en con sin por para
        sobre entre hasta desde hacia como cuando donde dónde quién quien quiénes qué cuál cuáles
        cuánto cuántos cuándo cómo es son era eran fue fueron ser estar está están estaba ha han
        había haber hay no ni se su sus le les me te nos mi tu este esta estos estas ese esa esos
        esas muy más menos también ya solo
    """,
    "french": """
        le la les l un une des du de d et ou mais si que qu qui quoi dont où quand comment pourquoi
        quel quelle quels quelles à au aux en dans par pour sur sous avec sans entre vers chez est
        sont était étaient être a ont avait avoir ne pas n ni plus ce cet cette ces c se s son sa
        ses leur leurs il elle ils elles on nous vous je j tu mon ma mes y très aussi
    """,
    "italian": """
        il lo la i gli le l un uno una e ed o ma se che chi cui di del dello della dei degli delle a
        al alla ai alle da dal dalla in nel nella nei nelle con su sul sulla per tra fra come quando
        dove perché quale quali quanto è sono era erano essere ha hanno aveva avere non né si suo
        sua suoi sue questo questa questi queste più anche molto
    """,
    "portuguese": """
        o a os as um uma uns umas e ou mas se que quem qual quais de do da dos das em no na nos nas
        ao à aos às por pelo pela para com sem sobre entre até desde como quando onde porque é são
        era eram foi foram ser está estão tem têm tinha ter há não nem seu sua seus suas este esta
        esse essa isso mais muito também já
    """,
    "dutch": """
        de het een en of maar als omdat dat die dit deze in op aan bij met naar van voor door over
        onder tot uit om te zonder tegen is zijn was waren wordt worden werd werden heeft hebben had
        hadden kan kunnen kon zal moet niet geen ook nog al zeer er hij zij ze wij we ik je u hun
        haar wie wat waar wanneer waarom hoe welke welk
    """,
}

STOP_WORDS = {language: frozenset(words.split()) for language, words in _WORDS.items()}
"""By the name of Snowball's stemmer."""
